import type { Account, HeldEntitlement, KeptDevice, KeptOffering } from "../read-model/content.ts";
import type { Known } from "../read-model/read-model.ts";
import type { Account as Standing } from "../reads.ts";
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

/** What a box may use, whatever the time. */
export interface Access {
  /** Why it may use nothing, or null: then it may use what its grants say. */
  readonly refusal: Reason | null;
  readonly grants: readonly Grant[];
  readonly account: Account;
  readonly device: KeptDevice;
}

/** An entitlement and what it is to. */
export interface Grant {
  readonly entitlement: HeldEntitlement;
  /** Whether it is for this box too. */
  readonly isForDevice: boolean;
  readonly offering: KeptOffering;
}

/** Whether a box may be admitted at all: both it and its subscriber are active and belong together. */
export function mayAuthenticate({ subscriber, device }: Standing, subscriberId: string): boolean {
  return refusalOf(subscriber?.status, device, subscriberId) === null;
}

/** What a box may use; undefined when more has to be known. */
export function accessOf(known: Known, { subscriberId, deviceId }: Identity): Access | undefined {
  const account = known.account(subscriberId);
  const device = known.device(deviceId);
  if (account === undefined || device === undefined) return undefined;
  const refusal = refusalOf(account.status, device, subscriberId);
  if (refusal !== null) return { refusal, grants: [], account, device };
  const offerings = account.entitlements.map(({ productOfferingId }) => known.offering(productOfferingId));
  if (!offerings.every((offering) => offering !== undefined)) return undefined;
  const grants = account.entitlements.map((entitlement, index) => ({
    entitlement,
    isForDevice: isFor(entitlement, deviceId),
    offering: offerings[index] as KeptOffering,
  }));
  return { refusal, grants, account, device };
}

/** Whether everything that it follows from is known as it was. */
export function holds({ account, device, grants }: Access, known: Known): boolean {
  if (!known.stillKnows(account) || !known.stillKnows(device)) return false;
  return grants.every(({ offering }) => known.stillKnows(offering));
}

/** Whether a service may be used now. An entitlement that is valid decides before one that is not. */
export function decideAccess({ refusal, grants }: Access, service: string, now: number): Decision {
  if (refusal !== null) return { decision: "Deny", reason: refusal };
  let denied: Decision = { decision: "Deny", reason: "NotEntitled" };
  for (const { entitlement, isForDevice, offering } of grants) {
    if (!offering.services?.has(service)) continue;
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

function refusalOf(
  subscriberStatus: string | null | undefined,
  device: Pick<KeptDevice, "status" | "subscriberId"> | null,
  subscriberId: string,
): Reason | null {
  if (subscriberStatus !== "active") return "SubscriberNotActive";
  if (device?.status !== "active" || device.subscriberId !== subscriberId) return "DeviceNotActive";
  return null;
}

const isFor = ({ deviceIds }: HeldEntitlement, deviceId: string): boolean => deviceIds?.includes(deviceId) ?? true;

function reasonOf({ isActive, from, until }: HeldEntitlement, isForDevice: boolean, now: number): Reason {
  if (!isActive) return "EntitlementSuspended";
  if (now < from) return "EntitlementNotYetValid";
  if (now >= until) return "EntitlementExpired";
  if (!isForDevice) return "DeviceLimit";
  return "Entitled";
}
