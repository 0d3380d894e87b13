import {
  type Device,
  type Entitlement,
  Identifier,
  type ProductOffering,
  type Subscriber,
} from "@aaa-cluster/contract";
import { Compile } from "typebox/compile";
import type { Place } from "../partition/watermark.ts";
import type { Kept } from "./sieve.ts";

/** An entitlement as it is decided by, and as it is told. */
export interface HeldEntitlement {
  readonly id: string;
  readonly productOfferingId: string;
  readonly isActive: boolean;
  /** From when on it is valid, in ms since 1970. */
  readonly from: number;
  /** When it ends to be valid, in ms since 1970; Infinity when it does not. */
  readonly until: number;
  readonly deviceIds: readonly string[] | undefined;
  /** All of it, with its id, as JSON. */
  readonly json: string;
}

/** A subscriber and all its entitlements, whatever their state, by their ids. */
export interface Account extends Kept {
  readonly id: string;
  /** Null when there is no such subscriber. */
  readonly status: Subscriber["status"] | null;
  /** Of the credential: iterations, salt, storedKey and serverKey, with blanks between; it takes half the memory. */
  readonly secrets: string;
  readonly entitlements: readonly HeldEntitlement[];
}

/** What a device is known by. */
export interface KeptDevice extends Kept {
  /** Null when there is no such device. */
  readonly status: Device["status"] | null;
  readonly subscriberId: string;
  readonly macAddress: string | undefined;
}

/** The services of a product offering; null when there is none. */
export interface KeptOffering extends Kept {
  readonly services: ReadonlySet<string> | null;
}

/** What a node knows, in the pieces in which it is read and kept. */
export interface Pieces {
  readonly accounts: Account;
  readonly devices: KeptDevice;
  readonly offerings: KeptOffering;
}

export type Kind = keyof Pieces;
export const kinds: readonly Kind[] = ["accounts", "devices", "offerings"];

const noAccount = (id: string): Account => account(id, undefined, []);
const noDevice = (): KeptDevice => ({ status: null, subscriberId: "", macAddress: undefined, mark: "kept" });
const noOffering = (): KeptOffering => ({ services: null, mark: "kept" });

/** The pieces of what does not exist. */
export const NO_PIECES: Pieces = { accounts: noAccount(""), devices: noDevice(), offerings: noOffering() };

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
  const subscribers = new Map<string, Subscriber>();
  const entitlements = new Map<string, HeldEntitlement[]>();
  const devices = new Map([...keys.devices].map((id) => [id, noDevice()]));
  const offerings = new Map([...keys.offerings].map((id) => [id, noOffering()]));
  // There may be a million of everything, so a text that is in several pieces is kept once.
  const ids = new Map([...keys.accounts].map((id) => [id, id]));
  const same = (id: string): string => ids.get(id) ?? id;
  for (const { entity, id, payload } of rows) {
    if (entity === "Subscriber") subscribers.set(id, payload as Subscriber);
    if (entity === "Device") {
      const { status, subscriberId, macAddress } = payload as Device;
      devices.set(id, { status, subscriberId: same(subscriberId), macAddress, mark: "kept" });
    }
    if (entity === "ProductOffering") {
      offerings.set(id, { services: new Set((payload as ProductOffering).services), mark: "kept" });
    }
    if (entity === "Entitlement") {
      const { subscriberId } = payload as Entitlement;
      const own = entitlements.get(subscriberId) ?? [];
      own.push(held(id, payload as Entitlement));
      entitlements.set(subscriberId, own);
    }
  }
  const accounts = new Map<string, Account>();
  for (const id of keys.accounts) {
    // Sorted it is a copy without the room that an array keeps to grow.
    const own = (entitlements.get(id) ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    accounts.set(id, account(id, subscribers.get(id), own));
  }
  return { accounts, devices, offerings };
}

function account(id: string, subscriber: Subscriber | undefined, entitlements: readonly HeldEntitlement[]): Account {
  if (subscriber === undefined) return { id, status: null, secrets: "", entitlements, mark: "kept" };
  const { iterations, salt, storedKey, serverKey } = subscriber.credential;
  const secrets = [iterations, salt, storedKey, serverKey].join(" ");
  return { id, status: subscriber.status, secrets, entitlements, mark: "kept" };
}

function held(id: string, entitlement: Entitlement): HeldEntitlement {
  const { subscriberId, productOfferingId, validFrom, validUntil, deviceIds, status } = entitlement;
  return {
    id,
    productOfferingId,
    isActive: status === "active",
    from: Date.parse(validFrom),
    until: validUntil === undefined ? Number.POSITIVE_INFINITY : Date.parse(validUntil),
    deviceIds,
    json: JSON.stringify({ id, subscriberId, productOfferingId, validFrom, validUntil, deviceIds, status }),
  };
}

/** The subscriber of an account as the database has it, or null. */
export function subscriberOf({ status, secrets }: Account): Subscriber | null {
  if (status === null) return null;
  const [iterations = "", salt = "", storedKey = "", serverKey = ""] = secrets.split(" ");
  return {
    status,
    credential: { scheme: "SCRAM-SHA-256", iterations: Number(iterations), salt, storedKey, serverKey },
  };
}

/** What is known of a device as the database has it, or null. */
export function deviceOf({ status, subscriberId, macAddress }: KeptDevice): Device | null {
  return status && { status, subscriberId, ...(macAddress === undefined ? {} : { macAddress }) };
}

/** How many bytes of the heap a piece takes, nearly, with its place in the maps; as measured with a million of each. */
export const weighers: { readonly [K in Kind]: (piece: Pieces[K]) => number } = {
  accounts: ({ status, entitlements }) =>
    entitlements.reduce((sum, held) => sum + weightOf(held), status === null ? 165 : 305),
  devices: ({ status }) => (status === null ? 120 : 160),
  offerings: ({ services }) => {
    let weight = 300;
    for (const service of services ?? []) weight += 50 + service.length;
    return weight;
  },
};

const weightOf = ({ deviceIds = [], json }: HeldEntitlement): number => 210 + json.length + deviceIds.length * 50;
