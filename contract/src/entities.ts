import Type from "typebox";
import { Compile } from "typebox/compile";
import { Identifier, Timestamp } from "./decimal.ts";

export const Credential = Type.Object(
  {
    scheme: Type.Literal("SCRAM-SHA-256"),
    salt: Type.String(),
    iterations: Type.Integer({ minimum: 4096 }),
    storedKey: Type.String(),
    serverKey: Type.String(),
  },
  { description: "The SCRAM-SHA-256 verifier of a password (RFC 5802 section 3); every binary value is base64." },
);
export type Credential = Type.Static<typeof Credential>;

export const SubscriberStatus = Type.Enum(["active", "suspended", "terminated"]);
export const Status = Type.Enum(["active", "suspended"]);
export const Services = Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 10_000 });
export const MacAddress = Type.String({ pattern: "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$" });

export const Subscriber = Type.Object(
  { status: SubscriberStatus, credential: Credential },
  { description: "A paying account." },
);
export type Subscriber = Type.Static<typeof Subscriber>;

export const Device = Type.Object(
  {
    subscriberId: Identifier,
    macAddress: Type.Optional(MacAddress),
    status: Status,
  },
  { description: "One set-top box, bound to one subscriber." },
);
export type Device = Type.Static<typeof Device>;

export const ProductOffering = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 256 }),
    services: Services,
  },
  { description: "A sellable package of services, for example `channel:news-1`." },
);
export type ProductOffering = Type.Static<typeof ProductOffering>;

export const Entitlement = Type.Object(
  {
    subscriberId: Identifier,
    productOfferingId: Identifier,
    validFrom: Timestamp,
    validUntil: Type.Optional(Timestamp),
    deviceIds: Type.Optional(Type.Array(Identifier, { minItems: 1, maxItems: 64 })),
    status: Status,
  },
  {
    description:
      "What a subscriber has bought: an offering and when it is valid. `validUntil` is exclusive. `deviceIds`: the only " +
      "devices of the subscriber that may use it; without it all may.",
  },
);
export type Entitlement = Type.Static<typeof Entitlement>;

/** The full state of each entity, by its name. Members that this version does not know are allowed and kept. */
export const entityPayloads = { Subscriber, Device, ProductOffering, Entitlement };

export type EntityName = keyof typeof entityPayloads;
export const entityNames = Object.keys(entityPayloads) as EntityName[];

/** The name of an entity on the wire, which a newer OSS may know and this version does not. */
export const EntityWord = Type.String({ pattern: "^[A-Z][A-Za-z0-9]{0,63}$" });

const word = Compile(EntityWord);

/** Whether an entity may be called so. */
export function isEntityWord(text: string): boolean {
  return word.Check(text);
}

export function isKnownEntity(entity: string): entity is EntityName {
  return Object.hasOwn(entityPayloads, entity);
}

export type EntityPayload = Subscriber | Device | ProductOffering | Entitlement;
