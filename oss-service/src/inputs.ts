import { type Credential, describeErrors, type EntityName } from "@aaa-cluster/contract";
import { Problem } from "@aaa-cluster/service-kit";
import type Type from "typebox";
import { Compile } from "typebox/compile";
import { BulkEnvelope, inputs } from "./api/schemas.ts";
import type { Change } from "./change.ts";
import { deriveCredential, UnusablePassword } from "./credential.ts";

const validators = {
  Subscriber: Compile(inputs.Subscriber),
  Device: Compile(inputs.Device),
  ProductOffering: Compile(inputs.ProductOffering),
  Entitlement: Compile(inputs.Entitlement),
};
const bulkEnvelope = Compile(BulkEnvelope);

/**
 * Turns what a caller sent for a whole entity into what it shall be. Throws Problem 400 with lines that say what to
 * write. A password is turned into its SCRAM verifier here and goes no further.
 */
export async function toPayload(
  entity: EntityName,
  input: unknown,
  now: Date,
): Promise<NonNullable<Change["payload"]>> {
  const validator = validators[entity];
  if (!validator.Check(input)) throw invalid(describeErrors(validator.Errors(input)));
  const payload = await complete[entity](input as never, now);
  for (const [member, value] of Object.entries(payload)) {
    if (!isStorable(value)) throw invalid([`/${member}: must not have the character U+0000 or half a surrogate pair`]);
  }
  return payload;
}

// JSON has these, PostgreSQL's jsonb does not.
const UNSTORABLE = /[\0\p{Surrogate}]/u;

function isStorable(value: unknown): boolean {
  return ![value].flat().some((text) => typeof text === "string" && UNSTORABLE.test(text));
}

/**
 * Turns what is written on a line of a bulk request, `{ "entity": ..., "id": ..., "payload": { ... } | null }`, into a
 * change. Throws Problem 400 as above.
 */
export async function lineToChange(value: unknown, now: Date): Promise<Change> {
  if (typeof value !== "object" || value === null) throw invalid(["is not a JSON object"]);
  if (!bulkEnvelope.Check(value)) throw invalid(describeErrors(bulkEnvelope.Errors(value)));
  const { entity, id, payload } = value;
  return { entity, id, payload: payload === null ? null : await toPayload(entity, payload, now) };
}

const complete = {
  async Subscriber({ status = "active", password }: Type.Static<typeof inputs.Subscriber>) {
    return password === undefined ? { status } : { status, credential: await credentialOf(password) };
  },
  async Device({ status = "active", ...device }: Type.Static<typeof inputs.Device>) {
    return { ...device, status };
  },
  async ProductOffering(offering: Type.Static<typeof inputs.ProductOffering>) {
    return offering;
  },
  async Entitlement(
    { status = "active", validFrom = "", ...entitlement }: Type.Static<typeof inputs.Entitlement>,
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

async function credentialOf(password: string): Promise<Credential> {
  try {
    return await deriveCredential(password);
  } catch (error) {
    if (error instanceof UnusablePassword) throw invalid([`/password: ${error.message}`]);
    throw error;
  }
}

function invalid(errors: readonly string[]): Problem {
  return new Problem(400, "invalid-request", "the request does not have the expected form", errors);
}
