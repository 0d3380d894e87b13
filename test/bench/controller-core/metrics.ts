import { samplesOf } from "../../lib/prometheus.ts";

/** The names and labels that dashboards for controller-runtime build on; those of webhooks and of Go itself are left out. */
const COMPARED = /^(controller_runtime|workqueue|rest_client|leader_election)_/;
const OF_WEBHOOKS = /_webhook_/;

/** The metrics that one page has and another lacks, as `name{label,label}`; a histogram's parts count one by one. */
export function missingMetrics(expected: string, actual: string): string[] {
  const known = shapesOf(actual);
  return [...shapesOf(expected)].filter((shape) => !known.has(shape)).sort();
}

function shapesOf(text: string): Set<string> {
  const compared = samplesOf(text).filter(({ name }) => COMPARED.test(name) && !OF_WEBHOOKS.test(name));
  return new Set(compared.map(({ name, labels }) => `${name}{${Object.keys(labels).sort().join(",")}}`));
}
