import { setImmediate as turn } from "node:timers/promises";
import type { KubeObject, Resource } from "../../operator/src/kube/index.ts";
import { type FakeApiServer, type Fault, fail } from "../../operator/src/kube/testing/fake-api-server.ts";

export const CONFIG_MAP: Resource = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };

/** The part of a ConfigMap that its controller looks at. */
export interface Subject {
  readonly data: { readonly fails: "yes" | "no"; readonly text: string };
}

/** What the operator says of itself. */
export interface Report {
  readonly objects: number;
  /** As `versionsOf` has it, of all objects in its cache. */
  readonly versions: number;
  /** Of how many keys its queue knows anything. */
  readonly remembered: number;
  /** How many keys wait for a worker or are worked on. */
  readonly pending: number;
  readonly reconciles: number;
  /** In bytes, after garbage collection; 0 unless asked for. */
  readonly heapUsed: number;
}

const TEXT_BYTES = 1024;
const FAILING_EACH = 20;
/** How many changes are made before others get their turn. */
const CHUNK = 500;

/** A number that two sets of objects have in common when they are the same, in the same versions. */
export function versionsOf(objects: Iterable<KubeObject>): number {
  return [...objects].reduce((sum, { metadata }) => sum + Number(metadata.resourceVersion), 0);
}

/** Objects that come, change and go in generations. */
export class World {
  readonly #server: FakeApiServer;
  readonly #size: number;
  #names: string[] = [];
  #made = 0;

  constructor(server: FakeApiServer, size: number) {
    this.#server = server;
    this.#size = size;
  }

  /** Changes every object and replaces a third of them by new ones. With `failing`, one in twenty makes trouble. */
  async nextGeneration(failing: boolean): Promise<void> {
    const oldest = Math.ceil(this.#names.length / 3);
    await this.#each(this.#names, (name, index) => this.#put(name, failing && index % FAILING_EACH === 0));
    await this.#each(this.#names.splice(0, oldest), (name) => this.#server.put(pathTo(name), null));
    const fresh = Array.from({ length: this.#size - this.#names.length }, () => `object-${++this.#made}`);
    await this.#each(fresh, (name, index) => this.#put(name, failing && index % FAILING_EACH === 0));
    this.#names.push(...fresh);
  }

  /** As `nextGeneration`, but nobody is told: the watch is cut, and later the operator has to list everything anew. */
  async nextGenerationUnseen(failing: boolean): Promise<void> {
    const refuse: Fault = ({ query }, response) => {
      if (query.has("watch")) fail(response, 410, "Expired");
      return query.has("watch");
    };
    this.#server.fault = refuse;
    this.#server.endWatches("cut");
    await this.nextGeneration(failing);
    // Watches are refused until a list has shown what happened.
    this.#server.fault = (call, response) => {
      if (!call.query.has("watch")) this.#server.fault = () => false;
      return refuse(call, response);
    };
  }

  async end(): Promise<void> {
    await this.#each(this.#names.splice(0), (name) => this.#server.put(pathTo(name), null));
  }

  #put(name: string, fails: boolean): void {
    const data = { fails: fails ? "yes" : "no", text: `${name} `.repeat(TEXT_BYTES / name.length) };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "bench" }, data };
    this.#server.put(pathTo(name), object);
  }

  async #each(names: readonly string[], act: (name: string, index: number) => unknown): Promise<void> {
    for (const [index, name] of names.entries()) {
      act(name, index);
      if (index % CHUNK === 0) await turn();
    }
  }
}

function pathTo(name: string): string {
  return `/api/v1/namespaces/bench/configmaps/${name}`;
}
