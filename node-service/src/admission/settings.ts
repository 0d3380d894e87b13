import { type Env, integerOf } from "@aaa-cluster/service-kit";
import { DeviceLimit } from "./device-limit.ts";

/** A box that zaps as fast as a thumb can sends some requests for every channel. */
const REQUESTS_PER_SECOND = 20;

/** Reads DEVICE_REQUESTS_PER_SECOND; 0 is no limit. Throws SettingsError. */
export function deviceLimitOf(env: Env): DeviceLimit {
  return new DeviceLimit(integerOf(env, "DEVICE_REQUESTS_PER_SECOND", REQUESTS_PER_SECOND, [0, 1_000_000]));
}
