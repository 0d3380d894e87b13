import type { EntityName } from "@aaa-cluster/contract";
import { OSS } from "./plan.ts";
import { type Random, seeded } from "./random.ts";

/** What one entity shall be; null deletes it. */
export interface Change {
  readonly entity: EntityName;
  readonly id: string;
  readonly payload: Readonly<Record<string, unknown>> | null;
}

/** One request to provision. Several changes are one bulk request: all or nothing. */
export interface Write {
  /** `<writer>.<index>`. */
  readonly name: string;
  /** The OSS replica that is asked. */
  readonly to: string;
  readonly changes: readonly Change[];
  /** How long the writer pauses before it, in ms. */
  readonly afterMs: number;
}

export const WRITERS = 3;
const IDS: Record<EntityName, number> = { ProductOffering: 3, Subscriber: 5, Device: 6, Entitlement: 8 };
const ENTITIES = Object.keys(IDS) as EntityName[];
const MARKED_FROM = Date.UTC(2020, 0, 1);
const WRITES_A_WRITER = 1_000_000;

/** What every run begins with: one of each entity. */
export const firstWrite: Write = {
  name: "first",
  to: OSS[0],
  afterMs: 0,
  changes: ENTITIES.map((entity) => ({ entity, id: idOf(entity, 0), payload: payloadOf(seeded(0), entity, 1) })),
};

export const lastWrite: Write = {
  name: "last",
  to: OSS[1],
  afterMs: 0,
  changes: [
    { entity: "ProductOffering", id: idOf("ProductOffering", 0), payload: payloadOf(seeded(0), "ProductOffering", 2) },
  ],
};

/**
 * The requests of one writer, without an end. Writers share the entities. Some requests are refused: for a reference to
 * what does not exist, or for the deletion of what is referred to.
 */
export function* writesOf(seed: number, writer: number): Generator<Write, never> {
  const random = seeded(seed * WRITERS + writer + 1_000_003);
  for (let index = 1; ; index += 1) {
    const mark = (writer + 1) * WRITES_A_WRITER + index * 10;
    const count = random.chance(0.2) ? random.between(2, 5) : 1;
    const changes = new Map<string, Change>();
    for (let at = 0; at < count; at += 1) {
      const change = changeOf(random, mark + at);
      changes.set(`${change.entity}/${change.id}`, change);
    }
    const afterMs = random.between(0, 30);
    yield { name: `${writer}.${index}`, to: random.oneOf(OSS), changes: [...changes.values()], afterMs };
  }
}

function changeOf(random: Random, mark: number): Change {
  const entity = random.oneOf(ENTITIES);
  const id = idOf(entity, random.between(0, IDS[entity] - 1));
  return { entity, id, payload: random.chance(0.15) ? null : payloadOf(random, entity, mark) };
}

function idOf(entity: EntityName, index: number): string {
  return `${entity}-${index}`;
}

/** A payload that no other change has, except a subscriber's, in which there is no room for a mark. */
function payloadOf(random: Random, entity: EntityName, mark: number): Record<string, unknown> {
  const status = random.oneOf(["active", "suspended"]);
  const subscriberId = idOf("Subscriber", random.between(0, mark < 10 ? 0 : IDS.Subscriber - 1));
  switch (entity) {
    case "ProductOffering":
      return { name: `mark ${mark}`, services: ["channel:news-1"] };
    case "Subscriber":
      return { status, password: "secret" };
    case "Device":
      return { status, subscriberId, macAddress: macAddressOf(mark) };
    case "Entitlement": {
      const productOfferingId = idOf("ProductOffering", random.between(0, mark < 10 ? 0 : IDS.ProductOffering - 1));
      return { status, subscriberId, productOfferingId, validFrom: new Date(MARKED_FROM + mark * 1000).toISOString() };
    }
  }
}

function macAddressOf(mark: number): string {
  return mark.toString(16).padStart(12, "0").match(/../g)?.join(":") ?? "";
}
