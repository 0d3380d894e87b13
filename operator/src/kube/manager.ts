import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import type { Logger } from "pino";
import { Applier } from "./apply/apply.ts";
import { Cache, type CacheScope } from "./cache/cache.ts";
import { KubeClient } from "./client/client.ts";
import { Controller, type ControllerOptions } from "./controller/controller.ts";
import { EventRecorder } from "./events/events.ts";
import { LeaderElector } from "./leader/leader.ts";
import { createLogger } from "./log.ts";
import { Metrics } from "./metrics.ts";
import type { Resource } from "./objects.ts";
import { aborted } from "./process.ts";
import { portOf, serve } from "./server.ts";

export interface LeaderElectionSettings {
  /** Where the Lease is: the operator's own namespace. */
  readonly namespace: string;
  /** Default: the manager's name. */
  readonly lease?: string;
  /** How long others keep away after a renewal; see LeaderElector. Default: 15 s, 10 s and 2 s. */
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
}

export interface ManagerOptions {
  /** The operator's name, as a DNS label: its field manager, user agent, and the controller that its Events name. */
  readonly name: string;
  /** The domain of the operator's annotations and of the controller that its Events name, such as `example.com`. */
  readonly domain: string;
  /** Where the API server is and who we are there. Default: as kubectl finds it, and inside of a pod its ServiceAccount. */
  readonly config?: KubeConfig;
  /** Namespaces that caches hold, unless told otherwise. Empty or absent: all. */
  readonly namespaces?: readonly string[];
  /** With it, of all processes only the one that holds the Lease reconciles and writes. */
  readonly leaderElection?: LeaderElectionSettings | undefined;
  /** Port of /metrics. Default: 8080; 0: a free one. */
  readonly metricsPort?: number;
  /** Port of /healthz and /readyz. Default: 8081; 0: a free one. */
  readonly healthPort?: number;
  /** How long work that was begun may take to end after the stop signal, in ms. Default: 20 s. */
  readonly shutdownMs?: number;
  readonly log?: Logger;
}

const SHUTDOWN_MS = 20_000;
/** For work to end after it was aborted. */
const ABORT_MS = 2_000;

/**
 * One process of an operator: its client, caches, controllers, election, metrics and probes. Ask it for caches, add
 * controllers, then `run` it.
 */
export class Manager {
  /** Its writes are refused with NotLeading while another process leads. */
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly events: EventRecorder;
  readonly metrics = new Metrics();
  readonly log: Logger;
  readonly #options: ManagerOptions;
  readonly #election: LeaderElector | undefined;
  readonly #caches = new Map<string, Cache>();
  readonly #keeps: CacheScope["keep"][] = [];
  readonly #controllers: Controller[] = [];
  #servers: readonly Server[] = [];
  #runs = false;

  constructor(options: ManagerOptions) {
    const { name, domain, config = defaultConfig(), log = createLogger() } = options;
    const identity = `${hostname()}_${randomBytes(4).toString("hex")}`;
    const unguarded = new KubeClient(config, { onAnswer: this.metrics.answered, userAgent: name });
    this.#options = options;
    this.log = log;
    this.#election = electorOf(options, unguarded, identity, log, this.metrics);
    this.client = this.#election === undefined ? unguarded : unguarded.guardedBy(this.#election.assertLeading);
    const { client } = this;
    this.applier = new Applier({ client, fieldManager: name, hashAnnotation: `${domain}/applied-hash`, log });
    const reporting = { reportingController: `${domain}/${name}`, reportingInstance: identity };
    this.events = new EventRecorder({ client, ...reporting, log });
    this.metrics.events(() => this.events.dropped);
  }

  /**
   * The cache of a kind; the same one for everybody who asks for the same scope.
   * @throws Error when the manager runs already
   */
  cache(resource: Resource, scope: CacheScope = {}): Cache {
    const { namespaces = this.#options.namespaces ?? [], labelSelector, fieldSelector, keep } = scope;
    const { group, version, kind } = resource;
    const id = JSON.stringify([
      group,
      version,
      kind,
      [...namespaces].sort(),
      labelSelector,
      fieldSelector,
      this.#numberOf(keep),
    ]);
    const known = this.#caches.get(id);
    if (known !== undefined) return known;
    this.#assertNotRunning();
    const { client, log, metrics } = this;
    const onRelist = (): void => metrics.relisted(resource.plural);
    const cache = new Cache({ ...scope, namespaces, client, resource, log, onRelist });
    this.#caches.set(id, cache);
    metrics.cache(cache);
    return cache;
  }

  /** Functions are the same only if they are the same object. */
  #numberOf(keep: CacheScope["keep"]): number {
    const known = this.#keeps.indexOf(keep);
    return known === -1 ? this.#keeps.push(keep) - 1 : known;
  }

  /**
   * Adds a controller, which begins when the manager runs, all caches have synced and this process leads.
   * @throws Error when the manager runs already
   */
  addController(options: ControllerOptions): void {
    this.#assertNotRunning();
    this.#controllers.push(new Controller(options, this));
  }

  /** The ports of /metrics and of the probes while it runs. */
  get ports(): { readonly metrics: number; readonly health: number } | undefined {
    const [metrics, health] = this.#servers;
    return metrics === undefined || health === undefined
      ? undefined
      : { metrics: portOf(metrics), health: portOf(health) };
  }

  /** Whether all caches have their first list: what /readyz says, of a standby too. */
  get isReady(): boolean {
    return [...this.#caches.values()].every((cache) => cache.hasSynced);
  }

  /**
   * Runs until the signal, ends what was begun, hands the lease over and resolves. Rejects when a port is taken, or
   * with LeadershipLost: then let the process end at once, for another may lead already.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#runs = true;
    const over = new AbortController();
    const caches = [...this.#caches.values()];
    let watching: Promise<void>[] = [];
    try {
      await this.#serve();
      watching = caches.map((cache) => cache.run(over.signal));
      // Nobody leads who has not seen the world: who may not list, for one, would keep those who may from leading.
      await Promise.race([Promise.all(caches.map(({ synced }) => synced)), aborted(signal)]);
      if (!signal.aborted && (await this.#elected(signal))) await this.#lead(signal, over);
    } finally {
      for (const controller of this.#controllers) controller.abort();
      over.abort();
      await Promise.all(watching);
      for (const server of this.#servers) server.close().closeAllConnections();
      this.#servers = [];
    }
  }

  /** Waits until this process leads. Returns false when it was stopped before. */
  async #elected(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#election?.acquire(signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  async #lead(signal: AbortSignal, over: AbortController): Promise<void> {
    const held = this.#election?.hold(over.signal) ?? aborted(over.signal);
    const finished = await Promise.race([this.#work(signal), held]);
    over.abort();
    await held;
    // What still runs may have a write under way: then the next leader has to wait until the lease expires.
    if (finished === true) await this.#election?.release();
  }

  /** Runs the controllers until the signal, and then what they have begun. Returns whether all of it has ended. */
  async #work(signal: AbortSignal): Promise<boolean> {
    const running = Promise.all(this.#controllers.map((controller) => controller.run()));
    await Promise.race([aborted(signal), running]);
    for (const controller of this.#controllers) controller.close();
    const { shutdownMs = SHUTDOWN_MS } = this.#options;
    const ended = running.then(() => this.events.flush()).then(() => true);
    if (await within(shutdownMs, ended)) return true;
    for (const controller of this.#controllers) controller.abort();
    return within(ABORT_MS, ended);
  }

  #assertNotRunning(): void {
    if (this.#runs) throw new Error("the manager runs already: ask for caches and add controllers before");
  }

  async #serve(): Promise<void> {
    const { metricsPort = 8080, healthPort = 8081 } = this.#options;
    const { registry } = this.metrics;
    const metrics = await serve(metricsPort, {
      "/metrics": async () => ({ status: 200, body: await registry.metrics(), contentType: registry.contentType }),
    });
    this.#servers = [metrics];
    const health = await serve(healthPort, {
      "/healthz": () => ({ status: 200, body: "ok\n" }),
      "/readyz": () => (this.isReady ? { status: 200, body: "ok\n" } : { status: 503, body: "not synced yet\n" }),
    });
    this.#servers = [metrics, health];
    this.log.info(this.ports, "Serving metrics and probes");
  }
}

function electorOf(options: ManagerOptions, client: KubeClient, identity: string, log: Logger, metrics: Metrics) {
  const { leaderElection, name } = options;
  if (leaderElection === undefined) return undefined;
  const { lease = name, ...settings } = leaderElection;
  metrics.leading(lease, false);
  const onChange = (leads: boolean): void => metrics.leading(lease, leads);
  return new LeaderElector({ ...settings, name: lease, client, identity, log, onChange });
}

/** What a promise resolves to, or false when it takes longer. */
function within(ms: number, promise: Promise<boolean>): Promise<boolean> {
  return Promise.race([promise, sleep(ms, false, { ref: false })]);
}

function defaultConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}
