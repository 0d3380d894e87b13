import type { KubeObject, Resource } from "../objects.ts";
import type { Applier, Manifest, Stamp } from "./apply.ts";

/** An object to make, and its kind. */
export interface Desired {
  readonly resource: Resource;
  readonly manifest: Manifest;
}

export interface ApplySet {
  readonly desired: readonly Desired[];
  /** What the owner has now, by kind: of these kinds everything that is not desired is removed. */
  readonly live: ReadonlyMap<Resource, readonly KubeObject[]>;
  readonly stamp: Stamp;
}

/**
 * Makes every child of an owner as desired, in that order, and then removes those that are no longer. A child that
 * fails does not keep the others from being made; all errors are returned.
 */
export async function applySet(applier: Applier, { desired, live, stamp }: ApplySet): Promise<readonly Error[]> {
  const errors: Error[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
    }
  };
  for (const { resource, manifest } of desired) {
    const found = [...live]
      .flatMap(([kind, objects]) => (isSame(kind, resource) ? objects : []))
      .find(({ metadata }) => metadata.name === manifest.metadata.name);
    await attempt(() => applier.apply(resource, manifest, found, stamp));
  }
  for (const [resource, objects] of live) {
    const built = desired.filter((one) => isSame(one.resource, resource));
    const wanted = new Set(built.map(({ manifest }) => manifest.metadata.name));
    const surplus = objects.filter(({ metadata }) => !wanted.has(metadata.name) && !isGoing(metadata));
    for (const object of surplus) await attempt(() => applier.remove(resource, object));
  }
  return errors;
}

const isSame = (a: Resource, b: Resource): boolean => a.group === b.group && a.kind === b.kind;
const isGoing = ({ deletionTimestamp }: KubeObject["metadata"]): boolean => deletionTimestamp !== undefined;
