import type { KubeObject } from "../objects.ts";
import { TextPool } from "./text-pool.ts";

/** Gives the values under which an index finds an object; none: the index leaves it out. */
export type IndexFunction = (object: KubeObject) => readonly string[];

interface Index {
  readonly valuesOf: IndexFunction;
  /** value -> keys */
  readonly keys: Map<string, Set<string>>;
}

/** Of all kinds, as they name each other. */
const TEXTS = new TextPool(10_000);

/** The objects of one kind by key, and by whatever else they are asked for. Objects are frozen as they come in. */
export class Store {
  readonly #objects = new Map<string, KubeObject>();
  readonly #indexes = new Map<string, Index>();
  readonly #onIndexFailure: (error: unknown, object: KubeObject) => void;

  /** @param onIndexFailure told when an index function throws; the index then leaves the object out */
  constructor(onIndexFailure: (error: unknown, object: KubeObject) => void) {
    this.#onIndexFailure = onIndexFailure;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  /** @throws Error when there is another index of that name */
  addIndex(name: string, valuesOf: IndexFunction): void {
    const known = this.#indexes.get(name);
    if (known?.valuesOf === valuesOf) return;
    if (known !== undefined) throw new Error(`there is another index "${name}": choose another name`);
    const keys = new Map<string, Set<string>>();
    const index = { valuesOf, keys };
    for (const [key, object] of this.#objects) this.#file(index, key, undefined, object);
    this.#indexes.set(name, index);
  }

  /** @throws Error when there is no index of that name */
  byIndex(name: string, value: string): KubeObject[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`there is no index "${name}": add it first`);
    return [...(index.keys.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Puts an object in, or takes it out with undefined. Returns what was there before. */
  set(key: string, object: KubeObject | undefined): KubeObject | undefined {
    const before = this.#objects.get(key);
    if (object === undefined) this.#objects.delete(key);
    else this.#objects.set(key, frozen(object));
    for (const index of this.#indexes.values()) this.#file(index, key, before, object);
    return before;
  }

  #file(index: Index, key: string, before: KubeObject | undefined, now: KubeObject | undefined): void {
    for (const value of this.#valuesIn(index, before)) drop(index.keys, value, key);
    for (const value of this.#valuesIn(index, now)) put(index.keys, value, key);
  }

  #valuesIn({ valuesOf }: Index, object: KubeObject | undefined): readonly string[] {
    if (object === undefined) return [];
    try {
      return valuesOf(object);
    } catch (error) {
      this.#onIndexFailure(error, object);
      return [];
    }
  }
}

function put(index: Map<string, Set<string>>, value: string, key: string): void {
  const keys = index.get(value);
  if (keys === undefined) index.set(value, new Set([key]));
  else keys.add(key);
}

function drop(index: Map<string, Set<string>>, value: string, key: string): void {
  const keys = index.get(value);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(value);
}

/** Freezes a JSON value with everything in it. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    const parts = value as Record<string, unknown>;
    for (const [key, part] of Object.entries(parts)) {
      if (typeof part === "string") parts[key] = TEXTS.shared(part);
      else frozen(part);
    }
    Object.freeze(value);
  }
  return value;
}
