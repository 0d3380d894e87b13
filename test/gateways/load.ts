import { BROKER } from "../../operator/src/cluster/names.ts";
import type { AaaCluster } from "../lib/aaa-cluster.ts";
import { sampleSubscribers } from "../lib/aaa-cluster.ts";
import { until } from "../lib/until.ts";
import { ArpWatch } from "./arp.ts";
import { BOXES, Boxes, type BoxFigures } from "./boxes.ts";
import { CALM_MS } from "./outages.ts";
import { type Failures, Prober } from "./prober.ts";
import { Publisher } from "./publisher.ts";
import { BROKER_VIRTUAL_IP, VIRTUAL_IP } from "./virtual-ip.ts";

const URL_OF_BOXES = `http://${VIRTUAL_IP}:6060`;
/** How long a box waits for an answer. */
const BOX_TIMEOUT_MS = 5_000;
const QUEUE = "oss.failover";
const MINUTE_MS = 60_000;

/** What a fault did to those who used the virtual IPs, from when it struck. */
export interface Effects {
  /** How long nobody was answered, all outages together. */
  readonly outageMs: number;
  /** For how long two answered for the virtual IP by ARP. */
  readonly heldTwiceMs: number;
  /** Requests that were sent once, and waited for as long as a box does. */
  readonly bare: Failures;
  readonly boxes: BoxFigures;
}

/**
 * Everybody who uses an AaaCluster whose AAA and broker gateways have virtual IPs: boxes that repeat what fails, requests that
 * are sent once, a publisher with confirms; and one who watches by ARP who has the AAA gateway's address.
 */
export class Load implements AsyncDisposable {
  readonly publisher: Publisher;
  readonly #quick = new Prober(`${URL_OF_BOXES}/v1/authorize`);
  readonly #bare = new Prober(`${URL_OF_BOXES}/v1/authorize`, BOX_TIMEOUT_MS);
  readonly #boxes = new Boxes(URL_OF_BOXES);
  readonly #arp: ArpWatch;

  private constructor(arp: ArpWatch, publisher: Publisher) {
    this.#arp = arp;
    this.publisher = publisher;
  }

  /** Provisions the boxes, and begins. */
  static async start(tv: AaaCluster): Promise<Load> {
    await tv.provision(sampleSubscribers(1, BOXES));
    await tv.converged((await tv.nodes()).length, 2 * MINUTE_MS);
    const secret = `${tv.name}-broker-oss`;
    const [username, password] = await Promise.all(
      ["username", "password"].map(async (key) => encodeURIComponent(await tv.kubectl.secretValue(secret, key))),
    );
    const url = `amqp://${username}:${password}@${BROKER_VIRTUAL_IP}:5670/${BROKER.vhost}`;
    const load = new Load(await ArpWatch.start(VIRTUAL_IP), new Publisher(url, QUEUE));
    try {
      await until("messages are confirmed", () => load.publisher.confirmed > 0, { deadlineMs: MINUTE_MS });
      await load.well(MINUTE_MS);
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
    return load;
  }

  /** Waits until everything has been answered for so long that an outage is over. */
  async well(deadlineMs: number): Promise<void> {
    await until("boxes are answered", () => this.#quick.isWell(CALM_MS), { deadlineMs, intervalMs: 50 });
  }

  /** Begins to count; the moment to ask `since` for the effects. */
  begin(): number {
    this.#boxes.take();
    return performance.now();
  }

  /** For how many milliseconds since a moment nobody was answered, all outages together. */
  outageMs(moment: number): number {
    return this.#quick.outageMs(moment);
  }

  /** For how many milliseconds since a moment two answered for the virtual IP by ARP. */
  heldTwiceMs(moment: number): number {
    return this.#arp.heldTwiceMs(moment);
  }

  /** All that was noticed since a moment; what boxes noticed since they were asked last. */
  async since(moment: number): Promise<Effects> {
    return {
      outageMs: this.outageMs(moment),
      heldTwiceMs: this.heldTwiceMs(moment),
      bare: await this.#bare.failuresSince(moment),
      boxes: this.#boxes.take(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#quick, this.#bare, this.#boxes, this.#arp, this.publisher].map(disposed));
  }
}

const disposed = async (one: AsyncDisposable): Promise<void> => one[Symbol.asyncDispose]();
