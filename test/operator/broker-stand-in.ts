import { createHash, randomBytes } from "node:crypto";
import type { Member, Queue } from "../../operator/src/cluster/broker/quorum.ts";

const SALT_BYTES = 4;

/** What a segment of a path names, by what the path begins with. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  vhosts: ["name"],
  users: ["name"],
  permissions: ["vhost", "user"],
  exchanges: ["vhost", "name"],
  policies: ["vhost", "name"],
};

/**
 * The part of RabbitMQ's management interface that the operator uses, for brokers that only a whole RabbitMQ cluster
 * could be: it keeps what is written to it, and says of members and queues what a test wants.
 */
export class BrokerStandIn {
  members: readonly Member[] = [];
  queues: readonly Queue[] = [];
  /** With it every request is refused, as when the operator's password is not the broker's. */
  refuses = false;
  /** What was written, as `PUT /users/oss`. */
  readonly writes: string[] = [];
  readonly #made = new Map<string, object>();

  /** Answers a request; undefined: there is no such thing. */
  readonly answer = (method: string, path: string, body: unknown): { status: number; body?: unknown } => {
    if (this.refuses) return { status: 401, body: { error: "not_authorized" } };
    const what = path.replace(/^\/api/, "");
    if (method !== "GET") return this.#write(method, what, body);
    if (what === "/nodes") return { status: 200, body: this.members };
    if (what === "/queues/aaa") return { status: 200, body: this.queues };
    return what === "/definitions" ? { status: 200, body: this.#definitions() } : { status: 404 };
  };

  #write(method: string, path: string, body: unknown): { status: number } {
    this.writes.push(`${method} ${path}`);
    if (method === "DELETE") this.#made.delete(path);
    else this.#made.set(path, path.startsWith("/users/") ? hashed(body as { password: string }) : (body as object));
    return { status: 204 };
  }

  #definitions(): object {
    const parts = [...this.#made].map(([path, body]) => {
      const [, kind = "", ...names] = path.split("/").map(decodeURIComponent);
      const identity = Object.fromEntries((NAMES[kind] ?? []).map((field, index) => [field, names[index]]));
      return { kind, item: { ...body, ...identity } };
    });
    const of = (kind: string): object[] => parts.flatMap((part) => (part.kind === kind ? [part.item] : []));
    const made = Object.fromEntries(Object.keys(NAMES).map((kind) => [kind, of(kind)]));
    // Services declare and bind their queues themselves.
    return { ...made, queues: [], bindings: [], product_version: "4.1.0" };
  }
}

/** As RabbitMQ keeps passwords. */
function hashed({ password, ...user }: { readonly password: string }): object {
  const salt = randomBytes(SALT_BYTES);
  const hash = createHash("sha256").update(salt).update(password).digest();
  const password_hash = Buffer.concat([salt, hash]).toString("base64");
  return { ...user, password_hash, hashing_algorithm: "rabbit_password_hashing_sha256" };
}
