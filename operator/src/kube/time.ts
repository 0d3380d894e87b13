/**
 * A time as Kubernetes' MicroTime: ISO 8601 with exactly six digits after the second.
 * @param micros what to add to the date's milliseconds; of a count, its last three digits
 */
export function microTime(date: Date, micros = 0): string {
  return date.toISOString().replace("Z", `${String(micros % 1000).padStart(3, "0")}Z`);
}
