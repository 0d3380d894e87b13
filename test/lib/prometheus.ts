const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** One line of a /metrics page. */
export interface Sample {
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

/** All samples of a page; a histogram's parts count one by one. */
export function samplesOf(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, label, text]) => [label, text]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}

/**
 * The quantile `q` (0 to 1) of what a histogram without labels was given between two scrapes, as Prometheus reckons it:
 * values are taken to lie evenly in their bucket. NaN when there was none, or it lies above the last bound.
 */
export function quantileBetween(before: string, after: string, name: string, q: number): number {
  const bounds = samplesOf(after).flatMap((sample) => {
    if (sample.name !== `${name}_bucket`) return [];
    const le = sample.labels.le ?? "";
    return { le: Number(le), count: sample.value - sumOf(before, sample.name, { le }) };
  });
  const wanted = q * (sumOf(after, `${name}_count`) - sumOf(before, `${name}_count`));
  const index = bounds.findIndex(({ count }) => count >= wanted && count > 0);
  const [bucket, below = { le: 0, count: 0 }] = [bounds[index], bounds[index - 1]];
  if (bucket === undefined || Number.isNaN(bucket.le)) return Number.NaN;
  return below.le + ((bucket.le - below.le) * (wanted - below.count)) / (bucket.count - below.count);
}
