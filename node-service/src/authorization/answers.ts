import { type Decision, type Decisions, type Reason, reasons, verdictOf } from "./access.ts";

/** How an answer begins, made once for each reason. */
const beginnings = Object.fromEntries(
  reasons.map((reason) => [reason, `{"decision":"${verdictOf(reason)}","reason":"${reason}"`]),
) as Record<Reason, string>;

/** An `AuthorizeAnswer` as JSON. Most of it is the entitlement, which is kept as such a text. */
export function answerOf({ reason, entitlement }: Decision): string {
  const beginning = beginnings[reason];
  return entitlement === undefined ? `${beginning}}` : `${beginning},"entitlement":${entitlement.json}}`;
}

/** An `AuthorizeListAnswer` as JSON. */
export function listAnswerOf({ decisions, entitlements }: Decisions): string {
  const told = entitlements.map(({ json }) => json);
  return `{"decisions":${JSON.stringify(decisions)},"entitlements":[${told.join(",")}]}`;
}
