import {
  describeErrors,
  type EntityName,
  entityNames,
  Identifier,
  MacAddress,
  Services,
  Status,
  SubscriberStatus,
  Timestamp,
} from "@aaa-cluster/contract";
import { Problem } from "@aaa-cluster/service-kit";
import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Change } from "./change.ts";
import { deriveCredential } from "./credential.ts";

const strict = { additionalProperties: false };

const SubscriberInput = Type.Object(
  { status: Type.Optional(SubscriberStatus), password: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })) },
  strict,
);
const DeviceInput = Type.Object(
  { subscriberId: Identifier, macAddress: Type.Optional(MacAddress), status: Type.Optional(Status) },
  strict,
);
const ProductOfferingInput = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 256 }), services: Services },
  strict,
);
const EntitlementInput = Type.Object(
  {
    subscriberId: Identifier,
    productOfferingId: Identifier,
    validFrom: Type.Optional(Timestamp),
    validUntil: Type.Optional(Timestamp),
    status: Type.Optional(Status),
  },
  strict,
);

const validators = {
  Subscriber: Compile(SubscriberInput),
  Device: Compile(DeviceInput),
  ProductOffering: Compile(ProductOfferingInput),
  Entitlement: Compile(EntitlementInput),
};
const identifier = Compile(Identifier);
const bulkLine = Compile(
  Type.Object({ entity: Type.Enum(entityNames), id: Identifier, payload: Type.Unknown() }, strict),
);

/**
 * Turns what a caller sent for one entity into a change of it; null deletes it. Throws Problem 400 with lines that say
 * what to write. A password is turned into its SCRAM verifier here and goes no further.
 */
export async function toChange(entity: EntityName, id: string, input: unknown, now: Date): Promise<Change> {
  if (!identifier.Check(id)) throw invalid(describeErrors(identifier.Errors(id)).map((line) => `/id: ${line}`));
  if (input === null) return { entity, id, payload: null };
  const validator = validators[entity];
  if (!validator.Check(input)) throw invalid(describeErrors(validator.Errors(input)));
  return { entity, id, payload: await complete[entity](input as never, now) };
}

/**
 * Turns what is written on a line of a bulk request, `{ "entity": ..., "id": ..., "payload": { ... } | null }`, into a
 * change. Throws Problem 400 as above.
 */
export async function lineToChange(value: unknown, now: Date): Promise<Change> {
  if (typeof value !== "object" || value === null) throw invalid(["is not a JSON object"]);
  if (!bulkLine.Check(value)) throw invalid(describeErrors(bulkLine.Errors(value)));
  return toChange(value.entity, value.id, value.payload, now);
}

const complete = {
  async Subscriber({ status = "active", password }: Type.Static<typeof SubscriberInput>) {
    return password === undefined ? { status } : { status, credential: await deriveCredential(password) };
  },
  async Device({ status = "active", ...device }: Type.Static<typeof DeviceInput>) {
    return { ...device, status };
  },
  async ProductOffering(offering: Type.Static<typeof ProductOfferingInput>) {
    return offering;
  },
  async Entitlement(
    { status = "active", validFrom = "", ...entitlement }: Type.Static<typeof EntitlementInput>,
    now: Date,
  ) {
    const from = validFrom === "" ? now.toISOString() : validFrom;
    const { validUntil } = entitlement;
    if (validUntil !== undefined && Date.parse(validUntil) <= Date.parse(from)) {
      throw invalid([`/validUntil: must be after validFrom (${from})`]);
    }
    return { ...entitlement, validFrom: from, status };
  },
};

function invalid(errors: readonly string[]): Problem {
  return new Problem(400, "invalid-request", "the request does not have the expected form", errors);
}
