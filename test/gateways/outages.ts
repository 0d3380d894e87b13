/** A question: when it was asked (milliseconds of any clock), and whether there was an answer. */
export interface Question {
  readonly at: number;
  readonly answered: boolean;
}

/** An outage is over when all questions of so long were answered. */
export const CALM_MS = 1_000;

/**
 * Pure: for how many milliseconds there was no answer, all outages together, of questions in the order of their times. An outage lasts
 * from the first question without an answer to the first one after which all were answered for `CALM_MS`; one that is not over is endless.
 */
export function outageMs(questions: readonly Question[]): number {
  let total = 0;
  let began: number | undefined;
  let answeredSince: number | undefined;
  for (const { at, answered } of questions) {
    if (!answered) {
      if (began !== undefined && answeredSince !== undefined && at - answeredSince >= CALM_MS) {
        total += answeredSince - began;
        began = undefined;
      }
      began ??= at;
      answeredSince = undefined;
    } else if (began !== undefined) answeredSince ??= at;
  }
  if (began === undefined) return total;
  return answeredSince === undefined ? Number.POSITIVE_INFINITY : total + answeredSince - began;
}
