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
  readonly reason: Reason;
  /** The entitlement that decided, when there is one. */
  readonly entitlement?: HeldEntitlement;
}

/** Only one reason permits. */
export function verdictOf(reason: Reason): "Permit" | "Deny" {
  return reason === "Entitled" ? "Permit" : "Deny";
}

/** What a box may use as long as what it follows from is known and no entitlement begins or ends to be valid. */
export interface Access {
  /** Why it may use nothing, or null: then it may use what its grants say. */
  readonly refusal: Reason | null;
  readonly grants: readonly Grant[];
  readonly account: Account;
  readonly device: KeptDevice;
  /** It is right from this second since 1970 on, and until before the other. */
  readonly since: number;
  readonly until: number;
}

/** An entitlement, what it decides, and for what. */
export interface Grant {
  readonly entitlement: HeldEntitlement;
  readonly reason: Reason;
  readonly offering: KeptOffering;
}

/** Whether a box may be admitted at all: both it and its subscriber are active and belong together. */
export function mayAuthenticate({ subscriber, device }: Standing, subscriberId: string): boolean {
  return refusalOf(subscriber?.status, device, subscriberId) === null;
}

/** What a box may use now; undefined when more has to be known. */
export function accessOf(known: Known, { subscriberId, deviceId }: Identity, now: number): Access | undefined {
  const account = known.account(subscriberId);
  const device = known.device(deviceId);
  if (account === undefined || device === undefined) return undefined;
  const { entitlements } = account;
  const refusal = refusalOf(account.status, device, subscriberId);
  if (refusal !== null) return { refusal, grants: [], account, device, ...spanOf([], now) };
  const offerings = entitlements.map(({ productOfferingId }) => known.offering(productOfferingId));
  if (!offerings.every((offering) => offering !== undefined)) return undefined;
  const grants = entitlements.map((entitlement, index) => ({
    entitlement,
    reason: reasonOf(entitlement, deviceId, now),
    offering: offerings[index] as KeptOffering,
  }));
  return { refusal, grants, account, device, ...spanOf(entitlements, now) };
}

/** Whether it is right now. */
export function holds({ account, device, grants, since, until }: Access, known: Known, now: number): boolean {
  const seconds = now / 1000;
  if (seconds < since || seconds >= until) return false;
  if (!known.stillKnows(account) || !known.stillKnows(device)) return false;
  return grants.every(({ offering }) => known.stillKnows(offering));
}

/** Whether a service may be used. An entitlement that is valid decides before one that is not. */
export function decideAccess({ refusal, grants }: Access, service: string): Decision {
  if (refusal !== null) return { reason: refusal };
  let denied: Decision = { reason: "NotEntitled" };
  for (const { entitlement, reason, offering } of grants) {
    if (!offering.services?.has(service)) continue;
    if (reason === "Entitled") return { reason, entitlement };
    if (denied.entitlement === undefined) denied = { reason, entitlement };
  }
  return denied;
}

export interface Decisions {
  /** In the order in which the services were asked for. */
  readonly decisions: readonly {
    readonly service: string;
    readonly decision: ReturnType<typeof verdictOf>;
    readonly reason: Reason;
    readonly entitlementId?: string;
  }[];
  /** Every entitlement that decided, once. */
  readonly entitlements: readonly HeldEntitlement[];
}

/** Whether each of many services may be used. */
export function decideAll(access: Access, services: readonly string[]): Decisions {
  const entitlements = new Set<HeldEntitlement>();
  const decisions = services.map((service) => {
    const { reason, entitlement } = decideAccess(access, service);
    const decided = { service, decision: verdictOf(reason), reason };
    if (entitlement === undefined) return decided;
    entitlements.add(entitlement);
    return { ...decided, entitlementId: entitlement.id };
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

function reasonOf({ isActive, from, until, deviceIds }: HeldEntitlement, deviceId: string, now: number): Reason {
  if (!isActive) return "EntitlementSuspended";
  if (now < from) return "EntitlementNotYetValid";
  if (now >= until) return "EntitlementExpired";
  if (deviceIds?.includes(deviceId) === false) return "DeviceLimit";
  return "Entitled";
}

/** V8 keeps whole numbers to this one in an object itself, and any other in a place of its own. */
const LAST_SECOND = 2 ** 31 - 1;

/** The whole seconds around `now` in which no entitlement begins or ends to be valid. */
function spanOf(entitlements: readonly HeldEntitlement[], now: number): Pick<Access, "since" | "until"> {
  const turns = entitlements.flatMap(({ from, until }) => [from, until]);
  return {
    since: Math.ceil(Math.max(0, ...turns.filter((turn) => turn <= now)) / 1000),
    until: Math.floor(Math.min(LAST_SECOND * 1000, ...turns.filter((turn) => turn > now)) / 1000),
  };
}
