import type { Parts } from "./cpu.ts";

/** A way from one database to several others, with a table `entities` of devices in each. */
export interface Subject extends AsyncDisposable {
  /** The URL of the database that is written to. */
  readonly origin: string;
  /** The URLs of the databases that follow it. */
  readonly replicas: readonly string[];
  /** What it runs of. */
  readonly parts: Parts;
  /** Writes a device anew, in a transaction of its own; resolves when it is committed, with what is then in the table. */
  write(device: number): Promise<Written>;
  /** Writes devices anew, all in one transaction. */
  writeMany(devices: readonly number[]): Promise<void>;
}

export interface Written {
  readonly entityId: string;
  readonly version: string;
}

export const NODES = ["tv-aaa-0", "tv-aaa-1", "tv-aaa-2"] as const;
export const DEVICES = 4_000;

export const idOf = (device: number): string => `box-${device}`;

/** The full state of a device. */
export const deviceOf = (device: number): object => ({
  subscriberId: `subscriber-${device % 100}`,
  macAddress: (device.toString(16).padStart(12, "0").match(/../g) ?? []).join(":"),
  status: "active",
});

export const everyDevice: readonly number[] = Array.from({ length: DEVICES }, (_, device) => device);
