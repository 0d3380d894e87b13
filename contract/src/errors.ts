import type { TLocalizedValidationError } from "typebox/error";

/** A message that breaks the contract. */
export class ContractError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ContractError";
  }
}

/** Reads JSON from a message. Throws ContractError when it is not JSON. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new ContractError("the message is not JSON", { cause: error });
  }
}

/** Validation errors as lines that say where the fault is and what to write, for example `/status: must be one of ...`. */
export function describeErrors(errors: readonly TLocalizedValidationError[]): string[] {
  const lines = errors.flatMap((error) => describe(error) ?? []);
  return [...new Set(lines)];
}

function describe({ keyword, instancePath, params, message }: TLocalizedValidationError): string | null {
  const at = instancePath === "" ? "" : `${instancePath}: `;
  switch (keyword) {
    // Comes along with "additionalProperties", which names the member.
    case "boolean":
      return null;
    case "enum":
      return `${at}must be one of ${params.allowedValues.map((value) => JSON.stringify(value)).join(", ")}`;
    case "const":
      return `${at}must be ${JSON.stringify(params.allowedValue)}`;
    case "required":
      return `${at}must have ${params.requiredProperties.join(", ")}`;
    case "additionalProperties":
      return `${at}does not know ${params.additionalProperties.join(", ")}; remove it or correct its name`;
    case "format":
      return `${at}must be a ${params.format}, for example 2026-01-31T00:00:00Z`;
    default:
      return `${at}${message}`;
  }
}
