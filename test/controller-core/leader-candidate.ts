/**
 * A candidate for the leader's place, run as `node leader-candidate.ts <kubeconfig> <identity>`. All its life it tries
 * to write to the journal, whether it leads or not: only the guard keeps it from that. Ends with 0 after SIGTERM and
 * with 1 when the leadership was lost.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { pino } from "pino";
import { KubeClient } from "../../operator/src/kube/client/client.ts";
import { ApiError, NotLeading, Unreachable } from "../../operator/src/kube/client/errors.ts";
import { LeaderElector } from "../../operator/src/kube/leader/leader.ts";
import { pathOf } from "../../operator/src/kube/objects.ts";
import { type Entry, JOURNAL, NAME, NAMESPACE, TIMING } from "./leader-history.ts";

const PERIOD_MS = 10;
/** A refused write costs a connection. */
const REFUSED_PAUSE_MS = 50;
const MERGE = "application/merge-patch+json";

const [kubeconfig = "", identity = ""] = process.argv.slice(2);
const log = pino({ base: null });
const config = new KubeConfig();
config.loadFromFile(kubeconfig);
const client = new KubeClient(config);
const elector = new LeaderElector({ client, namespace: NAMESPACE, name: NAME, identity, log, ...TIMING });
const path = pathOf(JOURNAL, { namespace: NAMESPACE, name: NAME });
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
// Whoever started us is gone.
process.stdin.resume().once("end", () => process.exit(2));

/** What was put together before we led does not belong to our term. */
function assertTerm(term: number | undefined): void {
  elector.assertLeading();
  if (elector.term !== term) throw new NotLeading(`term ${term} is not ours`);
}

/**
 * A write that is late is followed by the next at once, without a timer between: so the first thing that a process does
 * when it wakes from a long pause is to try to write, before the election's own timers have run.
 */
async function write(signal: AbortSignal): Promise<void> {
  for (let count = 0; !signal.aborted; count++) {
    const dueAt = performance.now() + PERIOD_MS;
    const { term } = elector;
    const data: Entry = { identity, term: String(term), count: String(count) };
    try {
      const guarded = client.guardedBy(() => assertTerm(term));
      await guarded.request("PATCH", path, { body: { data }, contentType: MERGE });
      if (performance.now() < dueAt) await sleep(dueAt - performance.now());
    } catch (error) {
      if (![NotLeading, Unreachable, ApiError].some((type) => error instanceof type)) throw error;
      await sleep(REFUSED_PAUSE_MS);
    }
  }
}

const writing = write(stop.signal);
try {
  await elector.acquire(stop.signal);
  await elector.hold(stop.signal);
} catch (error) {
  if (!stop.signal.aborted) {
    log.error({ err: error }, "Ended");
    // It goes on trying to write: the guard has to hold it back, not its end.
    await sleep(4 * REFUSED_PAUSE_MS);
    process.exit(1);
  }
}
await writing;
await elector.release();
process.stdin.destroy();
