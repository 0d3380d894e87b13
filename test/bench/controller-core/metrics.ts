/** The names and labels that dashboards for controller-runtime build on; those of webhooks and of Go itself are left out. */
const COMPARED = /^(controller_runtime|workqueue|rest_client|leader_election)_/;
const OF_WEBHOOKS = /_webhook_/;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The text of a `/metrics` page. */
export async function scrape(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  if (!response.ok) throw new Error(`/metrics answers ${response.status}`);
  return response.text();
}

/** The sum of all samples of a metric whose labels are those given, whatever labels they have besides. */
export function sumOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels);
  return samplesOf(text)
    .filter((sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** The metrics that one page has and another lacks, as `name{label,label}`; a histogram's parts count one by one. */
export function missingMetrics(expected: string, actual: string): string[] {
  const known = shapesOf(actual);
  return [...shapesOf(expected)].filter((shape) => !known.has(shape)).sort();
}

function shapesOf(text: string): Set<string> {
  const compared = samplesOf(text).filter(({ name }) => COMPARED.test(name) && !OF_WEBHOOKS.test(name));
  return new Set(compared.map(({ name, labels }) => `${name}{${Object.keys(labels).sort().join(",")}}`));
}

function samplesOf(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, label, text]) => [label, text]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}
