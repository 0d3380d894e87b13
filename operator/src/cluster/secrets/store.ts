import { type KubeClient, type KubeObject, pathOf, RecentMap, withoutManagedFields } from "../../kube/index.ts";
import { SECRET } from "../kinds.ts";

/** The decoded values of one Secret. */
export type SecretData = Readonly<Record<string, string>>;

/** The values of Secrets by name. A name is absent while there is no such Secret, or none that may be used. */
export type Secrets = Readonly<Record<string, SecretData | undefined>>;

export interface SecretObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface Reading {
  readonly at: Date;
  readonly secret: SecretObject | undefined;
  /** The Secret as it was when it was there last. */
  readonly last: SecretObject | undefined;
}

/** Enough for a thousand clusters; whatever is forgotten is only read again. */
const KEPT = 10_000;

/**
 * Secrets as they were read last. The operator may read a Secret by its name, and neither list nor watch them, so
 * nothing tells it of a change: each is read again when it is older than who asks can bear.
 */
export class SecretStore {
  readonly #readings = new RecentMap<Reading>(KEPT);
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** @param maxAgeMs how old the answer may be */
  async read(client: KubeClient, namespace: string, name: string, maxAgeMs: number): Promise<SecretObject | undefined> {
    const known = this.#readings.get(`${namespace}/${name}`);
    if (known !== undefined && this.#now().getTime() - known.at.getTime() < maxAgeMs) return known.secret;
    const secret = await client.find<SecretObject>(pathOf(SECRET, { namespace, name }));
    this.note(namespace, name, secret);
    return secret;
  }

  /** What somebody else found, or wrote. */
  note(namespace: string, name: string, found: SecretObject | undefined): void {
    const key = `${namespace}/${name}`;
    const secret = found && withoutManagedFields(found);
    this.#readings.set(key, { at: this.#now(), secret, last: secret ?? this.#readings.get(key)?.last });
  }

  /** A Secret as it was when it was there last, as far as this process knows. */
  last(namespace: string, name: string): SecretObject | undefined {
    return this.#readings.get(`${namespace}/${name}`)?.last;
  }
}

/** Text as a Secret holds it. */
export function encoded(values: SecretData): SecretData {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
}

/** The values of a Secret as text. */
export function decoded({ data = {} }: SecretObject): SecretData {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
}
