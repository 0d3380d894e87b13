import type { Account, HeldEntitlement } from "../reads.ts";

/** Why a box may use a service, or may not. */
export const reasons = [
  "Entitled",
  "SubscriberNotActive",
  "DeviceNotActive",
  "NotEntitled",
  "EntitlementSuspended",
  "EntitlementNotYetValid",
  "EntitlementExpired",
] as const;
export type Reason = (typeof reasons)[number];

export interface Decision {
  readonly decision: "Permit" | "Deny";
  readonly reason: Reason;
  /** The entitlement that decided, when there is one. */
  readonly entitlement?: HeldEntitlement;
}

/** Whether a box may be admitted at all: both it and its subscriber are active and belong together. */
export function mayAuthenticate({ subscriber, device }: Account, subscriberId: string): boolean {
  return subscriber?.status === "active" && device?.status === "active" && device.subscriberId === subscriberId;
}

/** Whether a box may use a service now, given all entitlements of its subscriber that contain the service. */
export function decideAccess(
  { subscriber, device }: Account,
  entitlements: readonly HeldEntitlement[],
  subscriberId: string,
  now: Date,
): Decision {
  if (subscriber?.status !== "active") return { decision: "Deny", reason: "SubscriberNotActive" };
  if (device?.status !== "active" || device.subscriberId !== subscriberId) {
    return { decision: "Deny", reason: "DeviceNotActive" };
  }
  const judged = entitlements.map((entitlement) => ({ entitlement, reason: reasonOf(entitlement, now) }));
  const best = judged.find(({ reason }) => reason === "Entitled") ?? judged[0];
  if (best === undefined) return { decision: "Deny", reason: "NotEntitled" };
  return { decision: best.reason === "Entitled" ? "Permit" : "Deny", ...best };
}

function reasonOf({ status, validFrom, validUntil }: HeldEntitlement, now: Date): Reason {
  if (status !== "active") return "EntitlementSuspended";
  if (now.getTime() < Date.parse(validFrom)) return "EntitlementNotYetValid";
  if (validUntil !== undefined && now.getTime() >= Date.parse(validUntil)) return "EntitlementExpired";
  return "Entitled";
}
