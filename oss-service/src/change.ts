import {
  type Device,
  type Entitlement,
  type EntityName,
  type EventKind,
  eventTypeOf,
  type ProductOffering,
  type ProvisioningEvent,
  type Subscriber,
} from "@aaa-cluster/contract";

/** A subscriber whose credential stays what it is unless a new one is given. */
type SubscriberChange = Omit<Subscriber, "credential"> & Partial<Pick<Subscriber, "credential">>;

/** What one entity shall be; null deletes it. */
export interface Change {
  readonly entity: EntityName;
  readonly id: string;
  readonly payload: SubscriberChange | Device | ProductOffering | Entitlement | null;
}

/** What is stored of one entity. Version 0 was never written. */
export interface Stored {
  readonly version: bigint;
  readonly payload: Record<string, unknown> | null;
}

export const NEVER_WRITTEN: Stored = { version: 0n, payload: null };

export interface Reference {
  readonly entity: EntityName;
  readonly id: string;
}

/** An event that has no place in the stream yet. */
export type OutboxBody = Omit<ProvisioningEvent, "epoch" | "sequence">;

export const keyOf = ({ entity, id }: Reference): string => `${entity}/${id}`;

// What others refer to comes first and goes last.
const rank: Record<EntityName, number> = { ProductOffering: 0, Subscriber: 1, Device: 2, Entitlement: 3 };

/** The order in which changes of one transaction are broadcast. */
export function inBroadcastOrder<T extends Change>(changes: readonly T[]): T[] {
  const upserts = changes.filter(({ payload }) => payload !== null);
  const deletes = changes.filter(({ payload }) => payload === null);
  return [
    ...upserts.sort((a, b) => rank[a.entity] - rank[b.entity]),
    ...deletes.sort((a, b) => rank[b.entity] - rank[a.entity]),
  ];
}

/** The entities that must exist for the changes to make sense. */
export function referencesOf(changes: readonly Change[]): Reference[] {
  const references = changes.flatMap(({ payload }): Reference[] => {
    if (payload === null) return [];
    const found: Reference[] = [];
    if ("subscriberId" in payload) found.push({ entity: "Subscriber", id: payload.subscriberId });
    if ("productOfferingId" in payload) found.push({ entity: "ProductOffering", id: payload.productOfferingId });
    return found;
  });
  return [...new Map(references.map((reference) => [keyOf(reference), reference])).values()];
}

/** The event for a change of what was stored before, with the full new state. */
export function eventOf(change: Change, before: Stored, eventId: string, now: Date): OutboxBody {
  return {
    eventId,
    eventTime: now.toISOString(),
    eventType: eventTypeOf(change.entity, kindOf(change, before)),
    entity: change.entity,
    entityId: change.id,
    entityVersion: (before.version + 1n).toString(),
    payload: newState(change, before) as OutboxBody["payload"],
  };
}

/** The full new state. A subscriber keeps its credential unless the change brings one. */
export function newState(change: Change, before: Stored): Record<string, unknown> | null {
  if (change.entity !== "Subscriber" || change.payload === null) return change.payload;
  const kept = before.payload?.credential;
  return kept === undefined ? { ...change.payload } : { credential: kept, ...change.payload };
}

function kindOf({ payload }: Change, before: Stored): EventKind {
  if (payload === null) return "Delete";
  if (before.payload === null) return "Create";
  return "status" in payload && payload.status !== before.payload.status ? "StateChange" : "AttributeValueChange";
}
