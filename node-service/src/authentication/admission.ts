import type { Subscriber } from "@aaa-cluster/contract";
import { mayAuthenticate } from "../authorization/access.ts";
import type { Account } from "../reads.ts";
import type { Identity } from "../signing-keys.ts";

/** A subscriber who is active, with the device that was admitted. */
export interface Admitted {
  readonly subscriber: Subscriber;
  /** What of both a refresh token is bound to: another password or another box of that name ends it. */
  readonly standing: string;
}

/** Whose box may be admitted, or null when it may not be: whatever the cause is, nobody is told. */
export function admitted(account: Account, { subscriberId }: Identity): Admitted | null {
  const { subscriber, device } = account;
  if (subscriber === null || device === null || !mayAuthenticate(account, subscriberId)) return null;
  return { subscriber, standing: `${subscriber.credential.storedKey} ${device.macAddress ?? ""}` };
}

/** Whether a box is the device that OSS knows: one with a MAC address has to name it. */
export function isBoundTo({ device }: Account, macAddress: string | undefined): boolean {
  return device?.macAddress === undefined || device.macAddress === macAddress;
}
