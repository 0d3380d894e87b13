import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { population, Stack } from "./stack.ts";

const DOCUMENT = new URL("../../docs/services.md", import.meta.url);
/** prom-client gives these of every process. */
const OF_THE_PROCESS = /^(process|nodejs)_/;

let stack: Stack;
let urls: Record<"oss" | "node", string>;

beforeAll(async () => {
  stack = await Stack.start();
  const oss = await stack.startOss();
  const node = await stack.startNode("tv-aaa-0");
  await stack.untilSynced(node);
  await stack.bulk(population(10));
  await stack.untilSynced(node);
  urls = { oss: oss.url, node: node.url };
}, 60_000);

afterAll(() => stack?.[Symbol.asyncDispose]());

test.each(["oss", "node"] as const)(
  "every metric of the %s service is documented, and every one documented is there",
  async (service) => {
    const exposed = [...(await scrape(service)).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name ?? "");
    const own = exposed.filter((name) => !OF_THE_PROCESS.test(name));
    expect(own.toSorted()).toEqual((await documented(service)).toSorted());
  },
);

test("what was written is counted and timed on its way from the request to the node's database", async () => {
  const timed = {
    oss: ["aaa_oss_commit_seconds", "aaa_oss_relay_seconds", "aaa_oss_relay_batch_size", "aaa_oss_confirm_seconds"],
    node: ["aaa_node_batch_size", "aaa_node_apply_seconds", "aaa_node_propagation_seconds"],
  } as const;
  for (const service of ["oss", "node"] as const) {
    const text = await scrape(service);
    for (const name of timed[service]) expect(Number(sample(text, `${name}_count`))).toBeGreaterThan(0);
  }
  expect(sample(await scrape("node"), "aaa_node_sequence")).toBe("31");
  expect(sample(await scrape("oss"), "aaa_oss_relay_batch_size_sum")).toBe("31");
});

async function scrape(service: "oss" | "node"): Promise<string> {
  return (await fetch(new URL("/metrics", urls[service]))).text();
}

const sample = (text: string, name: string): string | undefined => new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1];

/** The names in the first column of the tables of metrics. */
async function documented(service: string): Promise<string[]> {
  const cells = (await readFile(DOCUMENT, "utf8")).matchAll(/^\| (`aaa_.*?) \|/gm);
  return [...cells].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name ?? "").filter((name) => name.startsWith(`aaa_${service}_`)),
  );
}
