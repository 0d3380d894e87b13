import type { ServerResponse } from "node:http";
import { pino } from "pino";
import { until } from "../../../../test/lib/until.ts";
import { type LeaderElectionOptions, LeaderElector } from "../leader/leader.ts";
import type { Lease } from "../leader/lease.ts";
import { type Call, FakeApiServer, type Fault, fail } from "./fake-api-server.ts";

export const PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases/leader";
export const SOON = { deadlineMs: 10_000, intervalMs: 2 };

/** An API server whose objects can be updated, a clock that only the test moves, and candidates that live by both. */
export class Stage implements AsyncDisposable {
  readonly server: FakeApiServer;
  now = 1_000;
  /** Answers a call itself and returns true, or leaves it to the server. */
  fault: Fault = () => false;
  readonly #stop = new AbortController();

  private constructor(server: FakeApiServer) {
    this.server = server;
    server.fault = (call, response) => this.fault(call, response);
  }

  static async open(): Promise<Stage> {
    return new Stage(await FakeApiServer.start());
  }

  get lease(): Lease | undefined {
    return this.server.objects.get(PATH);
  }

  /** Ends with the test. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  elector(identity: string, options: Partial<LeaderElectionOptions> = {}): LeaderElector {
    return new LeaderElector({
      client: this.server.client,
      namespace: "system",
      name: "leader",
      identity,
      retryPeriodMs: 5,
      log: pino({ enabled: false }),
      monotonicNow: () => this.now,
      ...options,
    });
  }

  async leader(identity: string, options: Partial<LeaderElectionOptions> = {}): Promise<LeaderElector> {
    const elector = this.elector(identity, options);
    await elector.acquire(this.signal);
    return elector;
  }

  /** A record that a holder elsewhere writes. */
  put(spec: Lease["spec"]): void {
    const metadata = { namespace: "system", name: "leader" };
    this.server.put(PATH, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec } as Lease);
  }

  /** Resolves when more of these calls have come. Of three, one was begun and answered since. */
  async more(method: string, count = 3): Promise<void> {
    const calls = () => this.server.calls.filter((call) => call.method === method).length;
    const wanted = calls() + count;
    await until(`${count} more ${method} came`, () => calls() >= wanted, SOON);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.server[Symbol.asyncDispose]();
  }
}

/** Fails every update. */
export const failing: Fault = (call, response) => {
  if (call.method !== "PUT") return false;
  fail(response, 500, "InternalError");
  return true;
};

/** Does something else with the next update, once. */
export function once(act: (call: Call, response: ServerResponse) => boolean): Fault {
  let done = false;
  return (call, response) => {
    if (done || call.method === "GET") return false;
    done = true;
    return act(call, response);
  };
}

export function caught(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
