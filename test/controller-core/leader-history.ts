import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../operator/src/kube/client/client.ts";
import { holderOf, LEASE, type Lease } from "../../operator/src/kube/leader/lease.ts";
import { type KubeObject, pathOf } from "../../operator/src/kube/objects.ts";

export const NAMESPACE = "default";
/** Name of the Lease and of the ConfigMap that only its holder may write. */
export const NAME = "journal";
export const JOURNAL = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
export const TIMING = { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 250 };

/** What a leader writes: who it is, in which term, and how many of its writes came before. */
export type Entry = Readonly<Record<"identity" | "term" | "count", string>>;

/** Who held the Lease, if anybody did, and in which term. */
export interface Holding {
  readonly holder: string | undefined;
  readonly term: number;
}

export interface Write {
  readonly identity: string;
  readonly term: number;
  readonly count: number;
}

/** One change of the Lease or of the journal. The revision is etcd's: one order for both. */
export type Change = { readonly revision: number } & ({ readonly lease: Holding } | { readonly write: Write });

interface Journal extends KubeObject {
  readonly data?: Partial<Entry>;
}

/**
 * Every change of the Lease and of the journal. Over a restart of an API server it stays complete only when that serves
 * watches from etcd, without a cache of its own that would begin with the restart.
 */
export class History implements AsyncDisposable {
  readonly #changes: Change[] = [];
  readonly #terms: (Write & { readonly at: number })[] = [];
  readonly #stop = new AbortController();
  readonly #watches: Promise<unknown>[];
  #missed: unknown;
  /** How many writes were seen. */
  writes = 0;

  private constructor(client: KubeClient, from: string | undefined) {
    const { signal } = this.#stop;
    const leases = pathOf(LEASE, { namespace: NAMESPACE });
    const journals = pathOf(JOURNAL, { namespace: NAMESPACE });
    const watches = [
      follow(client, leases, from, (lease: Lease) => this.#changes.push(changeOf(lease)), signal),
      follow(client, journals, from, (journal: Journal) => this.#note(journal), signal),
    ];
    this.#watches = watches.map((watch) => watch.catch((error: unknown) => (this.#missed = error)));
  }

  /** Makes the journal and watches from there. */
  static async begin(client: KubeClient): Promise<History> {
    const body = { metadata: { name: NAME } };
    const journal = await client.request<Journal>("POST", pathOf(JOURNAL, { namespace: NAMESPACE }), { body });
    return new History(client, journal.metadata.resourceVersion);
  }

  /** All changes in etcd's order. Throws when some were missed. */
  get changes(): readonly Change[] {
    if (this.#missed !== undefined) throw this.#missed;
    return this.#changes.toSorted((a, b) => a.revision - b.revision);
  }

  /** The first write of each term that wrote, and when it was seen: ms by this process's clock. */
  get terms(): readonly (Write & { readonly at: number })[] {
    return this.#terms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#watches);
  }

  #note({ metadata, data = {} }: Journal): void {
    const { identity, term, count } = data;
    if (identity === undefined) return;
    const write = { identity, term: Number(term), count: Number(count) };
    this.#changes.push({ revision: Number(metadata.resourceVersion), write });
    this.writes += 1;
    if (write.term > (this.#terms.at(-1)?.term ?? -1)) this.#terms.push({ ...write, at: performance.now() });
  }
}

/**
 * What went wrong in a history: a write by anybody but the one that held the Lease at that revision, in another term
 * than the Lease's, a term or a count that went back. Empty when at every moment one led and wrote.
 */
export function violations(changes: readonly Change[]): string[] {
  const found: string[] = [];
  let lease: Holding = { holder: undefined, term: -1 };
  let last = { term: -1, count: -1 };
  for (const change of changes) {
    if ("lease" in change) {
      const { holder, term } = change.lease;
      const isNewTerm = holder !== undefined && holder !== lease.holder;
      if (isNewTerm ? term <= lease.term : term !== lease.term) {
        found.push(`${change.revision}: ${holder} has term ${term} after ${lease.holder} had ${lease.term}`);
      }
      lease = change.lease;
      continue;
    }
    const { identity, term, count } = change.write;
    const writing = `${change.revision}: ${identity} wrote ${count} in term ${term}`;
    const isLeader = identity === lease.holder && term === lease.term;
    const isNext = term > last.term || (term === last.term && count > last.count);
    if (!isLeader) found.push(`${writing} while ${lease.holder} led in term ${lease.term}`);
    if (!isNext) found.push(`${writing} after ${last.count} in term ${last.term}`);
    last = { term, count };
  }
  return found;
}

function changeOf(lease: Lease): Change {
  const term = lease.spec?.leaseTransitions ?? -1;
  return { revision: Number(lease.metadata.resourceVersion), lease: { holder: holderOf(lease), term } };
}

/** Watches until the signal, each time from where it was; rejects when the server has forgotten that. */
async function follow<T extends KubeObject>(
  client: KubeClient,
  path: string,
  from: string | undefined,
  take: (object: T) => void,
  signal: AbortSignal,
): Promise<void> {
  let resourceVersion = from;
  while (!signal.aborted) {
    const query = { watch: true, fieldSelector: `metadata.name=${NAME}`, resourceVersion };
    try {
      for await (const line of client.lines(path, { query, signal, silenceMs: 60_000 })) {
        const { type, object } = JSON.parse(line) as { type: string; object: T };
        if (type !== "ADDED" && type !== "MODIFIED") throw new Error(`the watch of ${path} missed something: ${line}`);
        take(object);
        resourceVersion = object.metadata.resourceVersion;
      }
    } catch (error) {
      if (error instanceof Error && error.message.includes("missed something")) throw error;
    }
    // The server ended the watch, or is down.
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
}
