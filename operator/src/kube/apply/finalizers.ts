import { setTimeout as sleep } from "node:timers/promises";
import { type Backoff, backoffMs } from "../backoff.ts";
import type { KubeClient } from "../client/client.ts";
import { Conflict, Invalid, NotFound } from "../client/errors.ts";
import { type KubeObject, pathOf, type Resource } from "../objects.ts";

// Why JSON patch: it never creates, and its tests let a write through only if the object is the one that was meant and
// its finalizers are those that were seen, whoever else writes the rest of it. Server-side apply would leave a
// finalizer that anybody else has set as well, so that the object could never go; a patch that names the resource
// version fails as long as somebody writes status.
const JSON_PATCH = "application/json-patch+json";
const ATTEMPTS = 10;
const BACKOFF: Backoff = { firstMs: 10, longestMs: 100 };

/**
 * Adds a finalizer, unless the object has it. All others stay.
 * @param object as the API server gave it, with its uid; may be out of date
 * @returns the object as it is then
 * @throws NotFound when the object is gone, even if another has its name now; Invalid when the server refuses the
 *   finalizer, as that of an object that is being deleted; Conflict or Invalid when others never stop changing
 *   finalizers; what the API server says
 */
export function addFinalizer(
  client: KubeClient,
  resource: Resource,
  object: KubeObject,
  finalizer: string,
  fieldManager: string,
): Promise<KubeObject> {
  return change({ client, resource, object, fieldManager }, (known) =>
    known.includes(finalizer) ? known : [...known, finalizer],
  );
}

/**
 * Removes a finalizer, if the object has it. All others stay. An object that is gone is fine.
 * @param object as the API server gave it, with its uid; may be out of date
 * @throws Conflict or Invalid when others never stop changing finalizers, or what the API server says
 */
export async function removeFinalizer(
  client: KubeClient,
  resource: Resource,
  object: KubeObject,
  finalizer: string,
  fieldManager: string,
): Promise<void> {
  try {
    await change({ client, resource, object, fieldManager }, (known) => known.filter((each) => each !== finalizer));
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}

interface Target {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly object: KubeObject;
  readonly fieldManager: string;
}

async function change(target: Target, next: (known: readonly string[]) => readonly string[]): Promise<KubeObject> {
  const { client, resource, object, fieldManager } = target;
  const path = pathOf(resource, { namespace: object.metadata.namespace, name: object.metadata.name });
  let live = object;
  for (let attempt = 1; ; attempt++) {
    const known = live.metadata.finalizers ?? [];
    const wanted = next(known);
    if (wanted.length === known.length) return live;
    try {
      const body = patchOf(live, wanted);
      return await client.request<KubeObject>("PATCH", path, {
        query: { fieldManager },
        body,
        contentType: JSON_PATCH,
      });
    } catch (error) {
      if (!mayBeStale(error) || attempt === ATTEMPTS) throw error;
      const now = await client.request<KubeObject>("GET", path);
      if (now.metadata.uid !== object.metadata.uid) throw replaced(object);
      // Nobody has changed anything, so it was no test that failed.
      if (error instanceof Invalid && now.metadata.resourceVersion === live.metadata.resourceVersion) throw error;
      live = now;
    }
    if (attempt > 1) await sleep(backoffMs(BACKOFF, attempt));
  }
}

/** `add` also replaces; a test for null passes when there is nothing. */
function patchOf({ metadata: { uid, finalizers } }: KubeObject, wanted: readonly string[]): object[] {
  return [
    { op: "test", path: "/metadata/uid", value: uid },
    { op: "test", path: "/metadata/finalizers", value: finalizers ?? null },
    { op: "add", path: "/metadata/finalizers", value: wanted },
  ];
}

/** A test that fails is Invalid; Conflict is an update that the API server itself could not get through. */
function mayBeStale(error: unknown): boolean {
  return error instanceof Invalid || error instanceof Conflict;
}

function replaced({ kind, metadata: { name } }: KubeObject): NotFound {
  return new NotFound(404, "NotFound", `this ${kind} ${name} is gone, another one has its name`);
}
