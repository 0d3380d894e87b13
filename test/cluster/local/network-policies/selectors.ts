import type { LabelSelector, Labels } from "./objects.ts";

/** Pure: whether a selector fits labels. One without conditions fits all. */
export function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels = {}): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      const isOneOf = value !== undefined && values.includes(value);
      if (operator === "In") return isOneOf;
      if (operator === "NotIn") return !isOneOf;
      return operator === "Exists" ? value !== undefined : value === undefined;
    })
  );
}
