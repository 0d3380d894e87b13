import { createHash } from "node:crypto";
import type { Binding, Exchange, Policy, Topology, User } from "./topology.ts";

/** What exists at the broker, as its `GET /api/definitions` lists it. */
export interface Definitions {
  readonly vhosts: readonly { readonly name: string }[];
  readonly users: readonly {
    readonly name: string;
    readonly password_hash: string;
    readonly hashing_algorithm: string;
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

/** One call of the management interface, and what it repairs in words. */
export interface Step {
  readonly method: "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly repairs: string;
}

const APPLY_TO = "quorum_queues";
const SALT_BYTES = 4;

/** The steps that make what exists into what shall exist, in an order that works. Nothing to do: none. */
export function planTopology(desired: Topology, observed: Definitions): readonly Step[] {
  const vhost = encodeURIComponent(desired.vhost);
  const here = <T extends { readonly vhost: string }>(all: readonly T[]): T[] =>
    all.filter((one) => one.vhost === desired.vhost);
  const queues = new Set(here(observed.queues).map(({ name }) => name));
  const bindings = here(observed.bindings);
  const exchanges = here(observed.exchanges);
  return [
    ...(observed.vhosts.some(({ name }) => name === desired.vhost)
      ? []
      : [{ method: "PUT" as const, path: `/vhosts/${vhost}`, body: {}, repairs: `vhost ${desired.vhost}` }]),
    ...desired.users.flatMap((user) => planUser(desired.vhost, user, observed)),
    ...desired.exchanges.flatMap((exchange) => planExchange(vhost, exchange, exchanges)),
    ...desired.policies.flatMap((policy) => planPolicy(vhost, policy, here(observed.policies))),
    ...[...queues].filter(desired.isAbandoned).map((queue) => ({
      method: "DELETE" as const,
      path: `/queues/${vhost}/${encodeURIComponent(queue)}`,
      repairs: `queue ${queue} of a node that is gone`,
    })),
    ...desired.bindings
      .filter(({ destination }) => queues.has(destination))
      .flatMap((binding) => planBinding(vhost, binding, bindings)),
  ];
}

function planUser(vhost: string, user: User, { users, permissions }: Definitions): Step[] {
  const { name, password, permissions: wanted } = user;
  const path = encodeURIComponent(name);
  const found = users.find((candidate) => candidate.name === name);
  const granted = permissions.find((candidate) => candidate.user === name && candidate.vhost === vhost);
  const isGranted =
    granted?.configure === wanted.configure && granted.write === wanted.write && granted.read === wanted.read;
  return [
    ...(found !== undefined && isPassword(password, found.password_hash, found.hashing_algorithm)
      ? []
      : [{ method: "PUT" as const, path: `/users/${path}`, body: { password, tags: "" }, repairs: `user ${name}` }]),
    ...(isGranted
      ? []
      : [
          {
            method: "PUT" as const,
            path: `/permissions/${encodeURIComponent(vhost)}/${path}`,
            body: wanted,
            repairs: `permissions of ${name}`,
          },
        ]),
  ];
}

/** An exchange keeps its type for life, so a wrong one goes first, and its bindings with it. */
function planExchange(vhost: string, { name, type }: Exchange, observed: Definitions["exchanges"]): Step[] {
  const found = observed.find((candidate) => candidate.name === name);
  if (found?.type === type && found.durable) return [];
  const path = `/exchanges/${vhost}/${encodeURIComponent(name)}`;
  const repairs = `exchange ${name}`;
  return [
    ...(found === undefined ? [] : [{ method: "DELETE" as const, path, repairs }]),
    { method: "PUT", path, body: { type, durable: true, auto_delete: false, internal: false, arguments: {} }, repairs },
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
  return [{ method: "PUT", path, body, repairs: `policy ${name}` }];
}

function planBinding(vhost: string, binding: Binding, observed: Definitions["bindings"]): Step[] {
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
  return [{ method: "POST", path, body, repairs: `binding of ${destination} to ${source}` }];
}

/** RabbitMQ keeps base64(salt + sha256(salt + password)). */
function isPassword(password: string, hash: string, algorithm: string): boolean {
  if (algorithm !== "rabbit_password_hashing_sha256") return false;
  const bytes = Buffer.from(hash, "base64");
  const salt = bytes.subarray(0, SALT_BYTES);
  return createHash("sha256").update(salt).update(password).digest().equals(bytes.subarray(SALT_BYTES));
}
