import { createHash } from "node:crypto";
import type { Binding, Exchange, Policy, Topology, User } from "./topology.ts";

/** What exists at the broker, as its `GET /api/definitions` lists it. */
export interface Definitions {
  readonly product_version?: string;
  readonly vhosts: readonly { readonly name: string }[];
  readonly users: readonly {
    readonly name: string;
    readonly password_hash: string;
    readonly hashing_algorithm: string;
    /** A text in older exports. */
    readonly tags: readonly string[] | string;
  }[];
  readonly permissions: readonly {
    readonly user: string;
    readonly vhost: string;
    readonly configure: string;
    readonly write: string;
    readonly read: string;
  }[];
  readonly policies: readonly {
    readonly name: string;
    readonly vhost: string;
    readonly pattern: string;
    readonly "apply-to": string;
    readonly definition: Readonly<Record<string, unknown>>;
  }[];
  readonly exchanges: readonly {
    readonly name: string;
    readonly vhost: string;
    readonly type: string;
    readonly durable: boolean;
  }[];
  readonly queues: readonly { readonly name: string; readonly vhost: string }[];
  readonly bindings: readonly {
    readonly source: string;
    readonly vhost: string;
    readonly destination: string;
    readonly destination_type: string;
    readonly routing_key: string;
  }[];
}

/** One call of the management interface. */
export interface Step {
  readonly method: "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** What it makes, sets right or takes away, in words. */
  readonly what: string;
  /** Whether somebody must have changed what had been as it shall be, once the cluster was made. */
  readonly isRepair: boolean;
}

const APPLY_TO = "quorum_queues";
const SALT_BYTES = 4;

/**
 * The steps that make what exists into what shall exist, in an order that works. Nothing to do: none.
 * @param used the queues that somebody consumes from or has consumed from, as far as that is known
 */
export function planTopology(desired: Topology, observed: Definitions, used: ReadonlySet<string>): readonly Step[] {
  const vhost = encodeURIComponent(desired.vhost);
  const here = <T extends { readonly vhost: string }>(all: readonly T[]): T[] =>
    all.filter((one) => one.vhost === desired.vhost);
  const existing = new Set(here(observed.queues).map(({ name }) => name));
  const bindings = here(observed.bindings);
  const exchanges = here(observed.exchanges);
  return [
    ...(observed.vhosts.some(({ name }) => name === desired.vhost)
      ? []
      : [put(`/vhosts/${vhost}`, {}, `vhost ${desired.vhost}`)]),
    ...desired.users.flatMap((user) => planUser(desired.vhost, user, observed)),
    ...desired.exchanges.flatMap((exchange) => planExchange(vhost, exchange, exchanges)),
    ...desired.policies.flatMap((policy) => planPolicy(vhost, policy, here(observed.policies))),
    ...desired.bindings
      .filter(({ destination }) => existing.has(destination))
      .flatMap((binding) => planBinding(vhost, binding, bindings))
      // Who consumes from a queue has bound it before.
      .map(({ destination, ...step }) => ({ ...step, isRepair: used.has(destination) })),
    // Last, as a queue without a majority cannot be deleted, and nothing depends on it.
    ...[...existing].filter(desired.isAbandoned).map((queue) => ({
      method: "DELETE" as const,
      path: `/queues/${vhost}/${encodeURIComponent(queue)}`,
      what: `queue ${queue} of a node that is gone`,
      isRepair: false,
    })),
  ];
}

const put = (path: string, body: unknown, what: string): Step => ({ method: "PUT", path, body, what, isRepair: true });

function planUser(vhost: string, user: User, { users, permissions }: Definitions): Step[] {
  const { name, password, permissions: wanted } = user;
  const path = encodeURIComponent(name);
  const found = users.find((candidate) => candidate.name === name);
  const granted = permissions.find((candidate) => candidate.user === name && candidate.vhost === vhost);
  const isKnown =
    found !== undefined &&
    found.tags.length === 0 &&
    isPassword(password, found.password_hash, found.hashing_algorithm);
  const isGranted =
    granted?.configure === wanted.configure && granted.write === wanted.write && granted.read === wanted.read;
  const grant = `/permissions/${encodeURIComponent(vhost)}/${path}`;
  return [
    ...(isKnown ? [] : [put(`/users/${path}`, { password, tags: "" }, `user ${name}`)]),
    ...(isGranted ? [] : [put(grant, wanted, `permissions of ${name}`)]),
  ];
}

/** An exchange keeps its type for life, so a wrong one goes first, and its bindings with it. */
function planExchange(vhost: string, { name, type }: Exchange, observed: Definitions["exchanges"]): Step[] {
  const found = observed.find((candidate) => candidate.name === name);
  if (found?.type === type && found.durable) return [];
  const path = `/exchanges/${vhost}/${encodeURIComponent(name)}`;
  const what = `exchange ${name}`;
  const body = { type, durable: true, auto_delete: false, internal: false, arguments: {} };
  return [
    ...(found === undefined ? [] : [{ method: "DELETE" as const, path, what, isRepair: true }]),
    put(path, body, what),
  ];
}

function planPolicy(vhost: string, { name, pattern, definition }: Policy, observed: Definitions["policies"]): Step[] {
  const found = observed.find((candidate) => candidate.name === name);
  const isSame =
    found?.pattern === pattern &&
    found["apply-to"] === APPLY_TO &&
    Object.keys(found.definition).length === Object.keys(definition).length &&
    Object.entries(definition).every(([key, value]) => found.definition[key] === value);
  if (isSame) return [];
  const path = `/policies/${vhost}/${encodeURIComponent(name)}`;
  const body = { pattern, definition, "apply-to": APPLY_TO, priority: 0 };
  return [put(path, body, `policy ${name}`)];
}

function planBinding(
  vhost: string,
  binding: Binding,
  observed: Definitions["bindings"],
): (Omit<Step, "isRepair"> & { readonly destination: string })[] {
  const { source, destination, routingKey } = binding;
  const isBound = observed.some(
    (found) =>
      found.source === source &&
      found.destination === destination &&
      found.destination_type === "queue" &&
      found.routing_key === routingKey,
  );
  if (isBound) return [];
  const path = `/bindings/${vhost}/e/${encodeURIComponent(source)}/q/${encodeURIComponent(destination)}`;
  const body = { routing_key: routingKey, arguments: {} };
  return [{ method: "POST", path, body, what: `binding of ${destination} to ${source}`, destination }];
}

/** RabbitMQ keeps base64(salt + sha256(salt + password)). */
function isPassword(password: string, hash: string, algorithm: string): boolean {
  if (algorithm !== "rabbit_password_hashing_sha256") return false;
  const bytes = Buffer.from(hash, "base64");
  const salt = bytes.subarray(0, SALT_BYTES);
  return createHash("sha256").update(salt).update(password).digest().equals(bytes.subarray(SALT_BYTES));
}
