import {
  type Device,
  type Entitlement,
  Identifier,
  type ProductOffering,
  type Subscriber,
} from "@aaa-cluster/contract";
import { Compile } from "typebox/compile";
import type { Place } from "../partition/watermark.ts";

export interface HeldEntitlement extends Omit<Entitlement, "validUntil" | "deviceIds"> {
  readonly id: string;
  readonly validUntil?: string | undefined;
  readonly deviceIds?: readonly string[] | undefined;
}

/** What a subscriber has, which is null when there is none, and all its entitlements, whatever their state, by their ids. */
export interface Account {
  readonly id: string;
  readonly subscriber: KeptSubscriber | null;
  readonly entitlements: readonly HeldEntitlement[];
}

/** A subscriber in half the memory. */
export interface KeptSubscriber {
  readonly status: Subscriber["status"];
  /** Of the credential: iterations, salt, storedKey and serverKey, with blanks between. */
  readonly secrets: string;
}

/** The services of a product offering. */
export type Services = ReadonlySet<string>;

/** What a node knows, in the pieces in which it is read and kept. */
export interface Pieces {
  readonly accounts: Account;
  readonly devices: Device | null;
  readonly offerings: Services | null;
}

export type Kind = keyof Pieces;
export const kinds: readonly Kind[] = ["accounts", "devices", "offerings"];

/** The pieces of what does not exist. */
export const NO_PIECES: Pieces = {
  accounts: { id: "", subscriber: null, entitlements: [] },
  devices: null,
  offerings: null,
};

const identifier = Compile(Identifier);

/** Whether an entity may have this id. */
export const isIdentifier = (id: string): boolean => identifier.Check(id);

/** Which pieces, by the ids of subscribers, devices and offerings. */
export type Keys = Readonly<Record<Kind, ReadonlySet<string>>>;

/** A row of the table of entities. */
export interface Row {
  readonly entity: string;
  readonly id: string;
  readonly payload: object;
}

/** What was in the database at one place of the stream. */
export interface Reading {
  readonly place: Place;
  readonly rows: readonly Row[];
}

export type Found = { readonly [K in Kind]: ReadonlyMap<string, Pieces[K]> };

/** Makes the pieces that were asked for of all rows that belong to them. What has no row is known not to be there. */
export function findPieces(keys: Keys, rows: readonly Row[]): Found {
  const subscribers = new Map<string, KeptSubscriber>();
  const entitlements = new Map<string, HeldEntitlement[]>();
  const devices = new Map<string, Device | null>(nulls(keys.devices));
  const offerings = new Map<string, Services | null>(nulls(keys.offerings));
  // There may be a million of everything, so a text that is in several pieces is kept once.
  const ids = new Map([...keys.accounts].map((id) => [id, id]));
  const same = (id: string): string => ids.get(id) ?? id;
  for (const { entity, id, payload } of rows) {
    if (entity === "Subscriber") subscribers.set(id, kept(payload as Subscriber));
    if (entity === "Device")
      devices.set(id, { ...(payload as Device), subscriberId: same((payload as Device).subscriberId) });
    if (entity === "ProductOffering") offerings.set(id, new Set((payload as ProductOffering).services));
    if (entity === "Entitlement") {
      const subscriberId = same((payload as Entitlement).subscriberId);
      const own = entitlements.get(subscriberId) ?? [];
      own.push(held(id, subscriberId, payload as Entitlement));
      entitlements.set(subscriberId, own);
    }
  }
  const accounts = new Map<string, Account>();
  for (const id of keys.accounts) {
    // Sorted it is a copy without the room that an array keeps to grow.
    const own = (entitlements.get(id) ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    accounts.set(id, { id, subscriber: subscribers.get(id) ?? null, entitlements: own });
  }
  return { accounts, devices, offerings };
}

const nulls = (ids: ReadonlySet<string>): [string, null][] => [...ids].map((id) => [id, null]);

const kept = ({ status, credential }: Subscriber): KeptSubscriber => ({
  status,
  secrets: [credential.iterations, credential.salt, credential.storedKey, credential.serverKey].join(" "),
});

/** A subscriber as it is in the database. */
export function subscriberOf({ status, secrets }: KeptSubscriber): Subscriber {
  const [iterations = "", salt = "", storedKey = "", serverKey = ""] = secrets.split(" ");
  return {
    status,
    credential: { scheme: "SCRAM-SHA-256", iterations: Number(iterations), salt, storedKey, serverKey },
  };
}

const held = (id: string, subscriberId: string, entitlement: Entitlement): HeldEntitlement => {
  const { productOfferingId, validFrom, validUntil, deviceIds, status } = entitlement;
  return { id, subscriberId, productOfferingId, validFrom, validUntil, deviceIds, status };
};

/** How many bytes of the heap a piece takes, nearly, with its place in the maps; as measured with a million of each. */
export const weighers: { readonly [K in Kind]: (piece: Pieces[K]) => number } = {
  accounts: ({ subscriber, entitlements }) => {
    const devices = entitlements.reduce((sum, { deviceIds = [] }) => sum + deviceIds.length, 0);
    return 215 + (subscriber === null ? 0 : 180) + entitlements.length * 190 + devices * 50;
  },
  devices: (device) => (device === null ? 110 : 200),
  offerings: (services) => {
    let weight = 300;
    for (const service of services ?? []) weight += 50 + service.length;
    return weight;
  },
};
