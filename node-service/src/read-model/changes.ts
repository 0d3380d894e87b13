import type { ReceivedEvent } from "@aaa-cluster/contract";
import type { Account, Kind, Pieces } from "./content.ts";

/** Which pieces are not any more what they were, by ids. */
export interface Changes extends Readonly<Record<Kind, ReadonlySet<string>>> {
  /** Entitlements, whose account an event names only as it is afterwards, if at all. */
  readonly entitlements: ReadonlySet<string>;
}

/** What events have changed. */
export function changesOf(events: Iterable<Pick<ReceivedEvent, "entity" | "entityId" | "payload">>): Changes {
  const accounts = new Set<string>();
  const devices = new Set<string>();
  const offerings = new Set<string>();
  const entitlements = new Set<string>();
  for (const { entity, entityId, payload } of events) {
    if (entity === "Subscriber") accounts.add(entityId);
    if (entity === "Device") devices.add(entityId);
    if (entity === "ProductOffering") offerings.add(entityId);
    if (entity === "Entitlement") {
      entitlements.add(entityId);
      if (payload !== null) accounts.add(String(payload.subscriberId));
    }
  }
  return { accounts, devices, offerings, entitlements };
}

/** Whether a piece that was read before the changes is not right after them. */
export function isChanged<K extends Kind>(changes: Changes, kind: K, id: string, piece: Pieces[K]): boolean {
  if (changes[kind].has(id)) return true;
  return kind === "accounts" && (piece as Account).entitlements.some((held) => changes.entitlements.has(held.id));
}
