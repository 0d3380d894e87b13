import { Entitlement, Identifier } from "@aaa-cluster/contract";
import Type from "typebox";
import { AccessToken } from "../signing-keys.ts";
import { reasons } from "./access.ts";

/** How many services one request may ask for: more than any channel list has. */
export const MOST_SERVICES = 1_000;

const strict = { additionalProperties: false };
const Service = Type.String({ minLength: 1, maxLength: 128 });

export const AuthorizeRequest = Type.Object({ accessToken: AccessToken, service: Service }, strict);
export type AuthorizeRequest = Type.Static<typeof AuthorizeRequest>;

export const AuthorizeListRequest = Type.Object(
  { accessToken: AccessToken, services: Type.Array(Service, { minItems: 1, maxItems: MOST_SERVICES }) },
  strict,
);
export type AuthorizeListRequest = Type.Static<typeof AuthorizeListRequest>;

const verdict = { decision: Type.Enum(["Permit", "Deny"]), reason: Type.Enum([...reasons]) };

const HeldEntitlement = Type.Object({ id: Identifier, ...Entitlement.properties });

/** The entitlement is the one that decided, when there is one. */
export const AuthorizeAnswer = Type.Object({ ...verdict, entitlement: Type.Optional(HeldEntitlement) });

/** A decision for each service, in the order of the request; every entitlement that decided is told once. */
export const AuthorizeListAnswer = Type.Object({
  decisions: Type.Array(Type.Object({ service: Type.String(), ...verdict, entitlementId: Type.Optional(Identifier) })),
  entitlements: Type.Array(HeldEntitlement),
});
export type AuthorizeListAnswer = Type.Static<typeof AuthorizeListAnswer>;
