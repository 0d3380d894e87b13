import {
  type Device,
  type Entitlement,
  Identifier,
  type ProductOffering,
  type Subscriber,
} from "@aaa-cluster/contract";
import { Compile } from "typebox/compile";
import type { Place } from "../partition/watermark.ts";

export interface HeldEntitlement extends Omit<Entitlement, "validUntil"> {
  readonly id: string;
  readonly validUntil?: string | undefined;
}

/** What a subscriber has, which is null when there is none, and all its entitlements, whatever their state, by their ids. */
export interface Account {
  readonly id: string;
  readonly subscriber: Subscriber | null;
  readonly entitlements: readonly HeldEntitlement[];
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

interface OpenAccount {
  readonly id: string;
  subscriber: Subscriber | null;
  readonly entitlements: HeldEntitlement[];
}

/** Makes the pieces that were asked for of all rows that belong to them. What has no row is known not to be there. */
export function findPieces(keys: Keys, rows: readonly Row[]): Found {
  const accounts = new Map<string, OpenAccount>();
  for (const id of keys.accounts) accounts.set(id, { id, subscriber: null, entitlements: [] });
  const devices = new Map<string, Device | null>(nulls(keys.devices));
  const offerings = new Map<string, Services | null>(nulls(keys.offerings));
  for (const { entity, id, payload } of rows) {
    if (entity === "Device") devices.set(id, payload as Device);
    if (entity === "ProductOffering") offerings.set(id, new Set((payload as ProductOffering).services));
    const account = accounts.get(entity === "Entitlement" ? (payload as Entitlement).subscriberId : id);
    if (account === undefined) continue;
    if (entity === "Subscriber") account.subscriber = sparing(payload as Subscriber);
    if (entity === "Entitlement") account.entitlements.push(held(id, account.id, payload as Entitlement));
  }
  for (const { entitlements } of accounts.values()) entitlements.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { accounts, devices, offerings };
}

const nulls = (ids: ReadonlySet<string>): [string, null][] => [...ids].map((id) => [id, null]);

// There may be a million of them, so every text that is the same is kept once.
const sparing = ({ status, credential }: Subscriber): Subscriber => ({
  status,
  credential: { ...credential, scheme: "SCRAM-SHA-256" },
});

const held = (id: string, subscriberId: string, entitlement: Entitlement): HeldEntitlement => {
  const { productOfferingId, validFrom, validUntil, status } = entitlement;
  return { id, subscriberId, productOfferingId, validFrom, validUntil, status };
};

// What a piece takes of the heap, in bytes, beside its texts; measured with V8 of Node.js 24.
const PIECE = 200;
const ENTITLEMENT = 200;
const SERVICE = 60;

/** How many bytes of memory a piece takes, nearly. */
export const weighers: { readonly [K in Kind]: (piece: Pieces[K]) => number } = {
  accounts: ({ subscriber, entitlements }) =>
    PIECE + (subscriber === null ? 0 : 280) + entitlements.length * ENTITLEMENT,
  devices: (device) => PIECE + (device === null ? 0 : 100),
  offerings: (services) => {
    let weight = PIECE;
    for (const service of services ?? []) weight += SERVICE + service.length;
    return weight;
  },
};
