import { usageOf } from "../../lib/process-usage.ts";
import { rounded } from "../../lib/statistics.ts";
import { step } from "../../lib/steps.ts";
import { startBareServer } from "../boxes/bare.ts";
import { compare, named, printTable } from "../boxes/compare.ts";
import { inLanes } from "../boxes/lanes.ts";
import type { Figures } from "../boxes/measure.ts";
import type { NodeUnderLoad } from "../boxes/node.ts";
import { prepareNode } from "../boxes/prepare.ts";
import type { Subject } from "../boxes/subject.ts";
import { startFreeradius } from "../radius/freeradius.ts";
import { authorizations, authorizeRequests } from "./subject.ts";

const POPULATION = Number(process.env.POPULATION ?? 100_000);
const SECONDS = Number(process.env.SECONDS ?? 8);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const LANES = Number(process.env.LANES ?? 64);

/**
 * Boxes that ask a node whether they may use a service, each with a token of its own, with 100,000 subscribers in its
 * database; beside a bare fastify with the same route, schemas and length of answer, and FreeRADIUS (PAP) with the same
 * population in PostgreSQL and in its users file, which answers whether a box is admitted. Each has one core, with its database; the load is sent from the other. They are measured in turns, after every box has asked the node once: those were the
 * answers for which it had to read its database and verify a token, and are told as `cold`. Each round has a process of its own for
 * the node, and for fastify: some are a third slower than others for all of their lives, by where their memory lies, as it seems.
 *
 * The ratio is of answers in a CPU second. POPULATION, SECONDS (of a round), ROUNDS and LANES (requests under way at a time)
 * change the size.
 */
export async function bench(): Promise<object> {
  await using owned = new AsyncDisposableStack();
  const node = await prepareNode(owned, POPULATION);
  const requests = await step("Give each box a token", () => authorizeRequests(node, POPULATION));
  const ours = owned.use(nodeSubject(node, requests));
  const subjects = {
    ours,
    fastify: owned.use(await bareSubject(requests)),
    freeradius_sql: owned.use(await radius("sql")),
    freeradius_files: owned.use(await radius("files")),
  };
  const cold = await step("Every box asks once", () => onceEach(ours));
  const { peakMib } = await usageOf(node.pid);
  const figures = await compare(subjects, {
    lanes: LANES,
    seconds: SECONDS,
    population: POPULATION,
    rounds: ROUNDS,
    warmUpSeconds: Math.min(5, SECONDS),
  });
  printTable("authorizations", subjects, figures);
  const ratioTo = (peer: Figures): number => rounded(figures.ours.per_cpu_s / peer.per_cpu_s);
  return {
    ratio_to_fastify: ratioTo(figures.fastify),
    ratio_to_freeradius_sql: ratioTo(figures.freeradius_sql),
    ratio_to_freeradius_files: ratioTo(figures.freeradius_files),
    ...named(figures),
    cold_per_s: rounded(cold.perSecond),
    cold_per_cpu_s: rounded(cold.perCpuSecond),
    node_rss_mb: rounded((peakMib * 2 ** 20) / 1e6),
    population: POPULATION,
    lanes: LANES,
  };
}

function nodeSubject(node: NodeUnderLoad, requests: readonly Buffer[]): Subject {
  const port = (): number => Number(new URL(node.url).port);
  const asking = authorizations({ name: "node-service", port, cpu: node.cpu }, requests);
  const renew = async (): Promise<void> => {
    await asking.close();
    await node.restart();
    await onceEach(asking);
  };
  return { ...asking, renew };
}

async function bareSubject(requests: readonly Buffer[]): Promise<Subject> {
  const bare = await startBareServer(new URL("./routes.ts", import.meta.url).pathname);
  const asking = authorizations({ name: "bare fastify", port: () => bare.port, cpu: bare.cpu }, requests);
  const renew = async (): Promise<void> => {
    await asking.close();
    await bare.restart();
  };
  const close = async (): Promise<void> => {
    await asking.close();
    await bare[Symbol.asyncDispose]();
  };
  return { ...asking, renew, [Symbol.asyncDispose]: close };
}

const radius = (backend: "sql" | "files"): ReturnType<typeof startFreeradius> =>
  step(`Start FreeRADIUS with ${backend}`, () => startFreeradius({ backend, population: POPULATION }));

/** Lets every box of the population ask once. */
async function onceEach({ once, cpu }: Subject): Promise<{ perSecond: number; perCpuSecond: number }> {
  const before = await cpu();
  const began = performance.now();
  await inLanes(LANES, POPULATION, once);
  const perSecond = POPULATION / ((performance.now() - began) / 1000);
  const after = await cpu();
  return { perSecond, perCpuSecond: POPULATION / (after.service + after.database - before.service - before.database) };
}
