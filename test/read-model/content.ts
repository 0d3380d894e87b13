import type { ReceivedEvent } from "@aaa-cluster/contract";
import fc from "fast-check";
import { deviceOf, subscriberOf } from "../../node-service/src/read-model/content.ts";
import type { Known } from "../../node-service/src/read-model/read-model.ts";
import type { Kept } from "../../node-service/src/read-model/sieve.ts";

/** So few of each that most of what happens concerns what others look at. */
export const SUBSCRIBERS = ["s1", "s2", "s3"];
export const DEVICES = ["d1", "d2", "d3"];
export const OFFERINGS = ["o1", "o2"];
const ENTITLEMENTS = ["e1", "e2", "e3", "e4"];

/** Every entity that there is, by its kind and id. */
export type Content = ReadonlyMap<string, object>;

export interface Change {
  readonly entity: "Subscriber" | "Device" | "ProductOffering" | "Entitlement";
  readonly id: string;
  /** Null: it is deleted. */
  readonly payload: object | null;
}

const id = (ids: readonly string[]) => fc.constantFrom(...ids);
const status = fc.constantFrom("active", "suspended");
const credential = {
  scheme: "SCRAM-SHA-256",
  iterations: 4096,
  salt: "c2FsdA==",
  storedKey: "c3RvcmVk",
  serverKey: "",
};

const change = (
  entity: Change["entity"],
  ids: readonly string[],
  payload: fc.Arbitrary<object>,
): fc.Arbitrary<Change> =>
  fc.record({ entity: fc.constant(entity), id: id(ids), payload: fc.option(payload, { freq: 4 }) });

/** Any change of any entity; an entitlement or a device may go to another subscriber, also to one that is not there. */
export const anyChange: fc.Arbitrary<Change> = fc.oneof(
  change("Subscriber", SUBSCRIBERS, fc.record({ status, credential: fc.constant(credential) })),
  change("Device", DEVICES, fc.record({ subscriberId: id(SUBSCRIBERS), status })),
  change(
    "ProductOffering",
    OFFERINGS,
    fc.record({ name: fc.constant("x"), services: fc.uniqueArray(fc.constantFrom("news", "opera", "sports")) }),
  ),
  change(
    "Entitlement",
    ENTITLEMENTS,
    fc.record({
      subscriberId: id(SUBSCRIBERS),
      productOfferingId: id(OFFERINGS),
      validFrom: fc.constantFrom("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
      status,
    }),
  ),
);

/** Pure: the content after changes. */
export function changed(content: Content, changes: readonly Change[]): Content {
  const next = new Map(content);
  for (const { entity, id, payload } of changes) {
    if (payload === null) next.delete(`${entity}/${id}`);
    else next.set(`${entity}/${id}`, payload);
  }
  return next;
}

/** A change as the stream brings it. */
export function eventOf({ entity, id, payload }: Change, sequence: bigint): ReceivedEvent {
  return {
    eventId: `event-${sequence}`,
    epoch: "1",
    sequence: String(sequence),
    eventTime: "2026-01-31T00:00:00Z",
    eventType: `${entity}AttributeValueChangeEvent`,
    entity,
    entityId: id,
    // Never lower than that of any change before, of whatever entity.
    entityVersion: String(sequence),
    payload: payload as ReceivedEvent["payload"],
  };
}

/** Whom a reader looks at: a subscriber, a device and an offering, which need not have to do with each other. */
export interface Look {
  readonly subscriberId: string;
  readonly deviceId: string;
  readonly offeringId: string;
}

export const anyLook: fc.Arbitrary<Look> = fc.record({
  subscriberId: id(SUBSCRIBERS),
  deviceId: id(DEVICES),
  offeringId: id(OFFERINGS),
});

/** What is seen of all that, in one form for the read model and for the history. */
export interface Sight {
  readonly subscriber: unknown;
  readonly entitlements: readonly unknown[];
  readonly device: unknown;
  readonly services: readonly string[] | null;
}

export interface Seen {
  readonly sight: Sight;
  readonly pieces: readonly Kept[];
}

/** What the read model shows, and the pieces that this follows from; undefined when it has to read something first. */
export function seenBy(known: Known, { subscriberId, deviceId, offeringId }: Look): Seen | undefined {
  const account = known.account(subscriberId);
  const device = known.device(deviceId);
  const offering = known.offering(offeringId);
  if (account === undefined || device === undefined || offering === undefined) return undefined;
  const sight = {
    subscriber: subscriberOf(account),
    entitlements: account.entitlements.map(({ json }) => JSON.parse(json)),
    device: deviceOf(device),
    services: offering.services && [...offering.services],
  };
  return { sight, pieces: [account, device, offering] };
}

/** What there is to see in a content. */
export function truthOf(content: Content, { subscriberId, deviceId, offeringId }: Look): Sight {
  const offering = content.get(`ProductOffering/${offeringId}`) as { services: string[] } | undefined;
  const entitlements = ENTITLEMENTS.flatMap((id) => {
    const payload = content.get(`Entitlement/${id}`) as { subscriberId: string } | undefined;
    return payload?.subscriberId === subscriberId ? [{ id, ...payload }] : [];
  });
  return {
    subscriber: content.get(`Subscriber/${subscriberId}`) ?? null,
    entitlements,
    device: content.get(`Device/${deviceId}`) ?? null,
    services: offering?.services ?? null,
  };
}
