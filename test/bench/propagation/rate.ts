import pg from "pg";
import { until } from "../../lib/until.ts";
import { type CpuTime, cpuSecondsOf, microsecondsPerRow } from "./cpu.ts";
import { DEVICES, type Subject } from "./subject.ts";

export interface Rate {
  readonly perSecond: number;
  /** Of each row, in µs. */
  readonly cpu: CpuTime;
}

/**
 * The highest rate that is sustained: so many writers write so long, each as soon as its last write was committed, and
 * the clock stops when every replica has everything.
 * @param perTransaction how many devices each transaction writes
 */
export async function rateOf(
  subject: Subject,
  { writers, perTransaction, seconds }: { writers: number; perTransaction: number; seconds: number },
): Promise<Rate> {
  const before = await cpuSecondsOf(subject.parts);
  const began = performance.now();
  const end = began + seconds * 1000;
  const own = Math.floor(DEVICES / writers);
  const writer = async (index: number): Promise<number> => {
    let rows = 0;
    while (performance.now() < end) {
      // Every writer has devices of its own, so that no one waits for another's locks.
      const devices = Array.from({ length: perTransaction }, (_, k) => index * own + ((rows + k) % own));
      if (devices.length === 1) await subject.write(devices[0] ?? 0);
      else await subject.writeMany(devices);
      rows += perTransaction;
    }
    return rows;
  };
  const rows = (await Promise.all(Array.from({ length: writers }, (_, index) => writer(index)))).reduce(
    (a, b) => a + b,
  );
  await untilEqual(subject);
  const perSecond = rows / ((performance.now() - began) / 1000);
  return { perSecond, cpu: microsecondsPerRow(before, await cpuSecondsOf(subject.parts), rows) };
}

/** Waits until every replica has the versions of the origin. */
async function untilEqual({ origin, replicas }: Subject): Promise<void> {
  await using owned = new AsyncDisposableStack();
  const versions = async (url: string): Promise<() => Promise<string>> => {
    const client = new pg.Client({ connectionString: url });
    owned.defer(() => client.end());
    await client.connect();
    return async () => (await client.query("select sum(version) from entities where entity = 'Device'")).rows[0]?.sum;
  };
  const wanted = await (await versions(origin))();
  for (const url of replicas) {
    const reached = await versions(url);
    await until("a replica has everything", async () => (await reached()) === wanted, {
      deadlineMs: 300_000,
      intervalMs: 20,
    });
  }
}
