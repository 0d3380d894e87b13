import { Latencies } from "../../box/tally.ts";
import type { Cpu, Subject } from "./subject.ts";

export interface Load {
  /** So much is under way at any time. */
  readonly lanes: number;
  readonly seconds: number;
  /** The boxes are taken one after the other, as a prime stride through the population mixes them. */
  readonly population: number;
}

/** What one subject did in one round. */
export interface Figures {
  readonly per_s: number;
  /** Of the service and its database together. */
  readonly per_cpu_s: number;
  readonly per_service_cpu_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** The shares of their cores that the subject, and the process that sends the load, were busy. */
  readonly busy: number;
  readonly load_busy: number;
}

// Prime, and more than any neighbourhood on a page of a table.
const STRIDE = 7_919;

/** Gives one box of a population after the other, for ever. */
export function boxesOf(population: number): () => number {
  let box = 0;
  return () => {
    box = (box + STRIDE) % population;
    return box;
  };
}

/** Loads a subject in closed loop. Rejects with the first failure: a subject that answers wrongly is not to be compared. */
export async function measure(subject: Subject, { lanes, seconds, population }: Load): Promise<Figures> {
  const latencies = new Latencies();
  const nextBox = boxesOf(population);
  let done = 0;
  const cpuBefore = await subject.cpu();
  const loadBefore = process.cpuUsage();
  const began = performance.now();
  const end = began + seconds * 1000;
  const inLane = async (lane: number): Promise<void> => {
    for (let now = performance.now(); now < end; ) {
      await subject.once(lane, nextBox());
      const then = now;
      now = performance.now();
      latencies.record(now - then);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => inLane(lane)));
  const took = (performance.now() - began) / 1000;
  const cpu = difference(await subject.cpu(), cpuBefore);
  const load = process.cpuUsage(loadBefore);
  const { p50, p99 } = latencies.quantiles();
  return {
    per_s: done / took,
    per_cpu_s: done / (cpu.service + cpu.database),
    per_service_cpu_s: done / cpu.service,
    p50_ms: p50,
    p99_ms: p99,
    busy: (cpu.service + cpu.database) / took,
    load_busy: (load.user + load.system) / 1e6 / took,
  };
}

function difference(after: Cpu, before: Cpu): Cpu {
  return { service: after.service - before.service, database: after.database - before.database };
}
