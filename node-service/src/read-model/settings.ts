import { getHeapStatistics } from "node:v8";
import { type Env, integerOf } from "@aaa-cluster/service-kit";

const MIB = 2 ** 20;
/** So that a node takes less than 1 GiB. A million subscribers with a device and an entitlement each would take 960. */
const ENOUGH_MIB = 552;
const LEAST_MIB = 16;
const MOST_MIB = 65_536;
/** What the tokens get of it that boxes have shown. */
const TOKENS_SHARE = 1 / 8;

export interface MemoryLimits {
  /** In bytes. */
  readonly readModel: number;
  readonly tokens: number;
}

/**
 * Reads READ_MODEL_MIB; without it half of the heap that Node.js allows itself, but no more than 552. Throws SettingsError.
 */
export function memoryLimits(env: Env, heapLimit = getHeapStatistics().heap_size_limit): MemoryLimits {
  const half = Math.floor(heapLimit / MIB / 2);
  const mib = integerOf(env, "READ_MODEL_MIB", Math.max(LEAST_MIB, Math.min(half, ENOUGH_MIB)), [LEAST_MIB, MOST_MIB]);
  return { readModel: mib * MIB * (1 - TOKENS_SHARE), tokens: mib * MIB * TOKENS_SHARE };
}
