import { parseQuantity } from "./quantity.ts";

/** Maps whose values are quantities, which the API server writes in its own way ("1000m" becomes "1"). */
const QUANTITY_MAPS = new Set(["requests", "limits", "capacity"]);

/** Fields that the server keeps as a whole: what others added to them is not theirs to keep. */
const WHOLE = new Set([
  "selector",
  "podSelector",
  "namespaceSelector",
  "labelSelector",
  "nodeSelector",
  "tolerations",
  "ingress",
  "egress",
]);

/**
 * Whether a live object already has everything we would set. What the live object has besides (defaults, fields of
 * other managers, further named list items) does not count. An empty text or list is as good as none: the server stores
 * neither. An empty object is not, as it may mean something (`emptyDir: {}`): do not set one that means nothing.
 */
export function covers(live: unknown, desired: unknown): boolean {
  if (live === undefined && isEmpty(desired)) return true;
  if (Array.isArray(desired)) return Array.isArray(live) && coversList(live, desired);
  if (isObject(desired)) return isObject(live) && coversObject(live, desired);
  return live === desired;
}

function coversObject(live: Record<string, unknown>, desired: Record<string, unknown>): boolean {
  return Object.entries(desired).every(([key, value]) => {
    if (value === undefined) return true;
    const found = live[key];
    if (WHOLE.has(key) && found !== undefined && !covers(value, found)) return false;
    return QUANTITY_MAPS.has(key) && isObject(value)
      ? isObject(found) && Object.entries(value).every(([name, quantity]) => sameQuantity(found[name], quantity))
      : covers(found, value);
  });
}

/** Lists of objects are merged by name on the server, lists of plain values are kept as they are. */
function coversList(live: readonly unknown[], desired: readonly unknown[]): boolean {
  if (desired.every(isObject)) {
    return live.length >= desired.length && desired.every((item) => live.some((candidate) => covers(candidate, item)));
  }
  return live.length === desired.length && desired.every((item, index) => covers(live[index], item));
}

function sameQuantity(live: unknown, desired: unknown): boolean {
  if (live === desired) return true;
  const [a, b] = [parseQuantity(live), parseQuantity(desired)];
  return a !== undefined && a === b;
}

function isEmpty(value: unknown): boolean {
  return value === "" || (Array.isArray(value) && value.length === 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
