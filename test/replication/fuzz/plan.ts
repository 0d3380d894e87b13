import { type Random, seeded } from "./random.ts";

export const OSS = ["oss-0", "oss-1"] as const;
export const NODES = ["tv-aaa-0", "tv-aaa-1", "tv-aaa-2"] as const;
/** One cluster. Only the first is asked for management. */
export const BROKERS = ["broker-0", "broker-1", "broker-2"] as const;
const SERVICES = [...OSS, ...NODES];
const CONNECTIONS = SERVICES.flatMap((service) => [`${service} to broker`, `${service} to database`]);
const DATABASES = ["oss", ...NODES];

/** A new quorum queue is not served again by a broker that is killed this soon after (rabbitmq-server#15725). */
const QUEUE_SETTLES_MS = 3_500;

/** Every kind of fault, with what it can hit. */
export const targets = {
  /** SIGKILL, then a new process. */
  kill: SERVICES,
  /** SIGTERM, then a new process. */
  stop: SERVICES,
  /** SIGSTOP, then SIGCONT. */
  pause: SERVICES,
  /** Connections break and none can be made. */
  cut: CONNECTIONS,
  /** Connections stay and carry nothing. */
  silence: CONNECTIONS,
  "delete-queue": NODES,
  unbind: NODES,
  /** The node is stopped and its queue holds a few messages alone. */
  overflow: NODES,
  "database-stop": DATABASES,
  "database-kill": DATABASES,
  /** The node's database is gone and an empty one is in its place. */
  "database-lost": NODES,
  /** The database is killed, and later its node, which has taken messages without it; then both come back. */
  "pod-lost": NODES,
  /** The server ends the session that holds the relay's lock. */
  "switch-relay": ["oss"],
  "broker-stop": BROKERS,
  "broker-kill": BROKERS,
} as const satisfies Record<string, readonly string[]>;

export type FaultKind = keyof typeof targets;

/** One fault: what happens to whom, when (ms after the writers' start), and how long until it is healed. */
export interface Fault {
  readonly kind: FaultKind;
  readonly target: string;
  readonly atMs: number;
  readonly forMs: number;
}

/** All that a seed decides. */
export interface Plan {
  readonly seed: number;
  readonly lengthMs: number;
  /** In order of time. No two are at work on the same thing at the same moment. */
  readonly faults: readonly Fault[];
  /** Whether a change comes after all is healed. Without one, the nodes must notice what they miss by themselves. */
  readonly lastWrite: boolean;
}

const FAULT_EVERY_MS = 1_000;
const LONGEST_MS = 4_000;
const SHORTEST_MS = 200;
const BROKER_FAULT_CHANCE = 0.3;
/** What a broker needs to come back, in which nothing else can be done at it. */
const BROKER_FAULT_MS = 10_000;

const KINDS = (Object.keys(targets) as FaultKind[]).filter((kind) => !kind.startsWith("broker-"));

/** The schedule of a seed. The same seed and length give the same one. */
export function planOf(seed: number, lengthMs: number): Plan {
  const random = seeded(seed);
  const brokerFault = planBrokerFault(random, lengthMs);
  const faults: Fault[] = brokerFault === null ? [] : [brokerFault];
  // A queue made anew is not yet safe from a broker that is killed.
  const kinds = KINDS.filter((kind) => !(kind === "delete-queue" && brokerFault?.kind === "broker-kill"));
  for (let index = 0; index < lengthMs / FAULT_EVERY_MS; index += 1) {
    const kind = random.oneOf(kinds);
    const atMs = random.between(0, lengthMs);
    const fault = {
      kind,
      target: random.oneOf<string>(targets[kind]),
      atMs,
      forMs: random.between(SHORTEST_MS, Math.min(LONGEST_MS, Math.max(SHORTEST_MS, lengthMs - atMs))),
    };
    if (!faults.some((other) => collide(fault, other))) faults.push(fault);
  }
  const lastWrite = random.chance(0.5);
  return { seed, lengthMs, faults: faults.sort((a, b) => a.atMs - b.atMs), lastWrite };
}

function planBrokerFault(random: Random, lengthMs: number): Fault | null {
  if (lengthMs <= QUEUE_SETTLES_MS || !random.chance(BROKER_FAULT_CHANCE)) return null;
  const kind = random.oneOf(["broker-stop", "broker-kill"] as const);
  const atMs = random.between(QUEUE_SETTLES_MS, lengthMs);
  return { kind, target: random.oneOf(BROKERS), atMs, forMs: random.between(0, SHORTEST_MS) };
}

/** The schedule for a person to read. */
export function printPlan({ seed, lengthMs, faults, lastWrite }: Plan): string {
  const lines = faults.map(({ kind, target, atMs, forMs }) => `  at ${s(atMs)} s ${kind} ${target}, for ${s(forMs)} s`);
  const end = `  at ${s(lengthMs)} s all is healed${lastWrite ? ", then one last write" : ""}`;
  return [`seed ${seed}, writers for ${s(lengthMs)} s`, ...lines, end].join("\n");
}

const s = (ms: number): string => (ms / 1000).toFixed(1);

function collide(one: Fault, other: Fault): boolean {
  if (!thingsOf(one).some((thing) => thingsOf(other).includes(thing))) return false;
  return one.atMs <= endOf(other) && other.atMs <= endOf(one);
}

const endOf = ({ kind, atMs, forMs }: Fault): number =>
  atMs + (kind.startsWith("broker-") ? BROKER_FAULT_MS : forMs + SHORTEST_MS);

/** What a fault is at work on, and what it needs to be at all. */
export function thingsOf({ kind, target }: Pick<Fault, "kind" | "target">): string[] {
  switch (kind) {
    case "kill":
    case "stop":
    case "pause":
      return [`process of ${target}`];
    case "cut":
    case "silence":
      return [target];
    case "delete-queue":
    case "unbind":
      return [`queue of ${target}`];
    case "overflow":
      return [`process of ${target}`, `queue of ${target}`];
    case "database-stop":
    case "database-kill":
    case "database-lost":
      return [`database of ${target}`];
    case "pod-lost":
      return [`process of ${target}`, `database of ${target}`];
    case "switch-relay":
      return ["database of oss"];
    case "broker-stop":
    case "broker-kill":
      return NODES.map((node) => `queue of ${node}`);
  }
}
