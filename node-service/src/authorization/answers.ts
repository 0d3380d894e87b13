import type { Decision, Decisions } from "./access.ts";

/** An `AuthorizeAnswer` as JSON. Most of it is the entitlement, which is kept as such a text. */
export function answerOf({ decision, reason, entitlement }: Decision): string {
  const verdict = `"decision":"${decision}","reason":"${reason}"`;
  return entitlement === undefined ? `{${verdict}}` : `{${verdict},"entitlement":${entitlement.json}}`;
}

/** An `AuthorizeListAnswer` as JSON. */
export function listAnswerOf({ decisions, entitlements }: Decisions): string {
  const told = entitlements.map(({ json }) => json);
  return `{"decisions":${JSON.stringify(decisions)},"entitlements":[${told.join(",")}]}`;
}
