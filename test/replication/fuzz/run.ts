import { setTimeout as sleep } from "node:timers/promises";
import { type Attempt, acknowledged, type Reported } from "./accounting.ts";
import { inject } from "./faults.ts";
import { breachesOf, type Observation, type Run, type Told } from "./invariants.ts";
import { type Fault, type FaultKind, NODES, type Plan, planOf, printPlan, thingsOf } from "./plan.ts";
import { BOXES, type Reporting, reportsOf } from "./reports.ts";
import type { Servers } from "./servers.ts";
import { World } from "./world.ts";
import { firstWrite, lastWrite, WRITERS, writesOf } from "./writes.ts";

/** How long the faults of a seed come, unless it is said otherwise. */
export const LENGTH_MS = 8_000;
const OBSERVE_EVERY_MS = 150;
const SEND_AGAIN_AFTER_MS = 50;

/** What came of a seed. */
export interface Result {
  readonly plan: Plan;
  /** What went wrong, one line each; none when every invariant held. */
  readonly breaches: readonly string[];
  /** The kinds of the faults that really happened. */
  readonly injected: readonly FaultKind[];
  /** How many writes were accepted, refused, and never answered. */
  readonly writes: Readonly<Record<Told["outcome"], number>>;
  /** How many accounting records boxes reported, and how many of them were acknowledged. */
  readonly records: { readonly reported: number; readonly acknowledged: number };
  readonly observations: number;
  /** What the processes have warned of last. */
  readonly warnings: readonly string[];
}

/** Runs the schedule of a seed on an empty world, heals everything, and checks the invariants. */
export async function runSeed(servers: Servers, seed: number, lengthMs: number = LENGTH_MS): Promise<Result> {
  const plan = planOf(seed, lengthMs);
  await using world = await World.start(servers);
  const told = [await world.write(firstWrite)];
  const observations: Observation[] = [];
  const stopping = new AbortController();
  const observing = Promise.all(NODES.map((node) => observeUntil(stopping.signal, world, node, observations)));
  const writing = Promise.all(
    Array.from({ length: WRITERS }, (_, writer) => writeFor(lengthMs, world, plan, writer, told)),
  );
  const reported: Reported[] = [];
  const reporting = Promise.all(
    Array.from({ length: BOXES }, (_, box) => reportFor(lengthMs, world, plan, box, reported)),
  );
  const happened = await Promise.allSettled(happenInTurn(world, plan.faults));
  await writing;
  await reporting;
  if (plan.lastWrite) told.push(await world.write(lastWrite));
  const injected = happened.flatMap((one) => (one.status === "fulfilled" && one.value !== null ? [one.value] : []));
  const settled = await Promise.allSettled([world.untilFollowing(), world.untilDelivered(reported)]);
  const stuck = settled.flatMap((one) => (one.status === "rejected" ? [String(one.reason.message)] : []));
  stopping.abort();
  await observing;
  const notHealed = happened.flatMap((one) => (one.status === "rejected" ? [`not healed: ${one.reason}`] : []));
  const run = await lookAround(world, plan, told, observations, reported);
  const processes = [...world.processes.values()];
  return {
    plan,
    breaches: [...notHealed, ...stuck, ...breachesOf(run)],
    injected,
    writes: countOf(told),
    records: { reported: reported.length, acknowledged: acknowledged(run.accounting).length },
    observations: observations.length,
    warnings: processes.flatMap((process) => process.warnings()),
  };
}

/** A failed seed for a person to read: its schedule, what broke, what the processes said, and how to run it again. */
export function printFailure({ plan, breaches, warnings }: Result): string {
  return [
    printPlan(plan),
    ...breaches.map((breach) => `✗ ${breach}`),
    ...warnings,
    `again: make fuzz-replication SEED=${plan.seed}`,
  ].join("\n");
}

/** Every fault at its time, or later: when what it hits is healed of the one before, which a slow machine may delay. */
function happenInTurn(world: World, faults: readonly Fault[]): Promise<FaultKind | null>[] {
  const healed = new Map<string, Promise<unknown>>();
  return faults.map((fault) => {
    const before = thingsOf(fault).map((thing) => healed.get(thing));
    const happened = Promise.allSettled([sleep(fault.atMs), ...before]).then(() => happen(world, fault));
    for (const thing of thingsOf(fault)) healed.set(thing, happened);
    return happened;
  });
}

/** One fault from its beginning to its healing. Returns its kind, or null when it could not happen. */
async function happen(world: World, fault: Fault): Promise<FaultKind | null> {
  const heal = await inject(world, fault).catch(() => null);
  if (heal === null) return null;
  await sleep(fault.forMs);
  await heal();
  return fault.kind;
}

async function writeFor(lengthMs: number, world: World, plan: Plan, writer: number, told: Told[]): Promise<void> {
  const until = performance.now() + lengthMs;
  for (const write of writesOf(plan.seed, writer)) {
    await sleep(write.afterMs);
    if (performance.now() >= until) return;
    told.push(await world.write(write));
  }
}

async function reportFor(lengthMs: number, world: World, plan: Plan, box: number, reported: Reported[]): Promise<void> {
  const until = performance.now() + lengthMs;
  for (const reporting of reportsOf(plan.seed, box)) {
    await sleep(reporting.afterMs);
    if (performance.now() >= until) return;
    const { recordId, content } = reporting;
    reported.push({ recordId, content, attempts: await send(world, reporting, until) });
  }
}

/** Sends a record as a box does: to one node after the other, until one has answered for it. */
async function send(world: World, reporting: Reporting, until: number): Promise<Attempt[]> {
  const { nodes, persistent, twice } = reporting;
  const attempts: Attempt[] = [];
  for (let wanted = twice ? 2 : 1; wanted > 0 && performance.now() < until; ) {
    const attempt = await world.report(reporting, nodes[attempts.length % nodes.length] ?? "");
    attempts.push(attempt);
    if (attempt.status === 200) wanted -= 1;
    else if (!persistent) break;
    else await sleep(SEND_AGAIN_AFTER_MS);
  }
  return attempts;
}

/** Reads a node's database again and again; while it cannot be read there is nothing to see. */
async function observeUntil(signal: AbortSignal, world: World, node: string, seen: Observation[]): Promise<void> {
  while (!signal.aborted) {
    const observation = await world.observe(node).catch(() => null);
    if (observation !== null) seen.push(observation);
    await sleep(OBSERVE_EVERY_MS);
  }
}

async function lookAround(
  world: World,
  plan: Plan,
  told: readonly Told[],
  observations: readonly Observation[],
  reported: readonly Reported[],
): Promise<Run> {
  // A node that is stuck may not even have its tables.
  const ends = await Promise.all(NODES.map((node) => world.observe(node).catch(() => null)));
  const quarantined = await Promise.all(
    NODES.map(async (node) => [node, await world.quarantined(node).catch(() => 0)] as const),
  );
  return {
    plan,
    told,
    committed: await world.committed(),
    oss: await world.stream(),
    ossEntities: await world.ossEntities(),
    observations: [...observations, ...ends.filter((end) => end !== null)],
    resyncs: world.resyncs(),
    quarantined: Object.fromEntries(quarantined),
    crashes: [...world.processes.values()].flatMap(({ crashes }) => crashes),
    accounting: await world.accounting(reported),
  };
}

function countOf(told: readonly Told[]): Record<Told["outcome"], number> {
  const count = (outcome: Told["outcome"]): number => told.filter((one) => one.outcome === outcome).length;
  return { accepted: count("accepted"), refused: count("refused"), unknown: count("unknown") };
}
