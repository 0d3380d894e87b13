import type { HeldEntitlement } from "../read-model/content.ts";
import type { Known } from "../read-model/read-model.ts";
import type { Account } from "../reads.ts";
import type { Identity } from "../signing-keys.ts";

/** Why a box may use a service, or may not. */
export const reasons = [
  "Entitled",
  "SubscriberNotActive",
  "DeviceNotActive",
  "NotEntitled",
  "EntitlementSuspended",
  "EntitlementNotYetValid",
  "EntitlementExpired",
  "DeviceLimit",
] as const;
export type Reason = (typeof reasons)[number];

export interface Decision {
  readonly decision: "Permit" | "Deny";
  readonly reason: Reason;
  /** The entitlement that decided, when there is one. */
  readonly entitlement?: HeldEntitlement;
}

/** What a box may use: either nothing, for a reason, or what these entitlements say. */
export type Access = Reason | readonly Grant[];

/** An entitlement and the services it is for. */
export interface Grant {
  readonly entitlement: HeldEntitlement;
  /** Whether it is for this box too. */
  readonly isForDevice: boolean;
  readonly services: ReadonlySet<string>;
}

/** Whether a box may be admitted at all: both it and its subscriber are active and belong together. */
export function mayAuthenticate({ subscriber, device }: Account, subscriberId: string): boolean {
  return reasonAgainst({ subscriber, device }, subscriberId) === null;
}

/** What a box may use, whatever the time; undefined when more has to be known. */
export function accessOf(known: Known, { subscriberId, deviceId }: Identity): Access | undefined {
  const account = known.account(subscriberId);
  const device = known.device(deviceId);
  if (account === undefined || device === undefined) return undefined;
  const reason = reasonAgainst({ subscriber: account.subscriber, device }, subscriberId);
  if (reason !== null) return reason;
  const grants: Grant[] = [];
  let isMissing = false;
  for (const entitlement of account.entitlements) {
    const services = known.offering(entitlement.productOfferingId);
    if (services === undefined) isMissing = true;
    else if (services !== null) grants.push({ entitlement, isForDevice: isFor(entitlement, deviceId), services });
  }
  return isMissing ? undefined : grants;
}

/** Whether a service may be used now. An entitlement that is valid decides before one that is not. */
export function decideAccess(access: Access, service: string, now: number): Decision {
  if (typeof access === "string") return { decision: "Deny", reason: access };
  let denied: Decision = { decision: "Deny", reason: "NotEntitled" };
  for (const { entitlement, isForDevice, services } of access) {
    if (!services.has(service)) continue;
    const reason = reasonOf(entitlement, isForDevice, now);
    if (reason === "Entitled") return { decision: "Permit", reason, entitlement };
    if (denied.entitlement === undefined) denied = { decision: "Deny", reason, entitlement };
  }
  return denied;
}

export interface Decisions {
  /** In the order in which the services were asked for. */
  readonly decisions: readonly {
    readonly service: string;
    readonly decision: Decision["decision"];
    readonly reason: Reason;
    readonly entitlementId?: string;
  }[];
  /** Every entitlement that decided, once. */
  readonly entitlements: readonly HeldEntitlement[];
}

/** Whether each of many services may be used now. */
export function decideAll(access: Access, services: readonly string[], now: number): Decisions {
  const entitlements = new Set<HeldEntitlement>();
  const decisions = services.map((service) => {
    const { decision, reason, entitlement } = decideAccess(access, service, now);
    if (entitlement === undefined) return { service, decision, reason };
    entitlements.add(entitlement);
    return { service, decision, reason, entitlementId: entitlement.id };
  });
  return { decisions, entitlements: [...entitlements] };
}

interface Standing {
  readonly subscriber: { readonly status: string } | null;
  readonly device: Account["device"];
}

function reasonAgainst({ subscriber, device }: Standing, subscriberId: string): Reason | null {
  if (subscriber?.status !== "active") return "SubscriberNotActive";
  if (device?.status !== "active" || device.subscriberId !== subscriberId) return "DeviceNotActive";
  return null;
}

const isFor = ({ deviceIds }: HeldEntitlement, deviceId: string): boolean => deviceIds?.includes(deviceId) ?? true;

function reasonOf({ status, validFrom, validUntil }: HeldEntitlement, isForDevice: boolean, now: number): Reason {
  if (status !== "active") return "EntitlementSuspended";
  if (now < Date.parse(validFrom)) return "EntitlementNotYetValid";
  if (validUntil !== undefined && now >= Date.parse(validUntil)) return "EntitlementExpired";
  if (!isForDevice) return "DeviceLimit";
  return "Entitled";
}
