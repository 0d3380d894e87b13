import type { Logger } from "pino";
import type { KubeClient } from "../client/client.ts";
import { Conflict, Invalid, NotFound } from "../client/errors.ts";
import { hashOf } from "../hash.ts";
import {
  apiVersionOf,
  controllerOf,
  type KubeObject,
  type OwnerReference,
  pathOf,
  type Resource,
  withoutManagedFields,
} from "../objects.ts";
import { RecentMap } from "../recent-map.ts";
import { covers } from "./covers.ts";

/** An object of this name exists and is not ours. It is left alone. */
export class Foreign extends Error {
  override readonly name = "Foreign";
}

/** An object of this name belongs to an owner of the same name that was deleted. It goes, and can be made then. */
export class Leftover extends Error {
  override readonly name = "Leftover";
}

export interface ApplierOptions {
  readonly client: KubeClient;
  /** The name under which the server records what we set. */
  readonly fieldManager: string;
  /** Annotation that holds a hash of what we last set, so that a field we no longer set is noticed. */
  readonly hashAnnotation: string;
  readonly log: Logger;
}

/** What every child is stamped with before it is written. */
export interface Stamp {
  /** The object that controls the child; see `ownerReferenceTo`. */
  readonly owner: OwnerReference;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Named {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** An object to make: its identity and whatever fields we want to set, of a type that names them or of none. */
export type Manifest = Named | (Named & Readonly<Record<string, unknown>>);

/** A version that no stored object has: what is sent with it is made when nothing of its name exists, and else refused. */
const NOT_STORED = "1";

/** A cache catches up within moments, so few are of use. */
const ANSWERS_KEPT = 1024;
const APPLY = "application/apply-patch+yaml";

type Child = Manifest & { readonly metadata: { readonly name: string; readonly namespace: string } };

interface Answer {
  readonly decidedOn: string | undefined;
  readonly object: KubeObject & { readonly status?: unknown };
}

/** The only writer of child objects and of status: server-side apply, and only of what differs. */
export class Applier {
  readonly #options: ApplierOptions;
  /** By uid: the version that a write of ours was decided on, and the object as that write left it. */
  readonly #answers: RecentMap<Answer>;

  constructor(options: ApplierOptions, answers = new RecentMap<Answer>(ANSWERS_KEPT)) {
    this.#options = options;
    this.#answers = answers;
  }

  /** The same applier for one reconcile: its requests end with the signal, and its lines go to that log. */
  within({ signal, log }: { readonly signal: AbortSignal; readonly log: Logger }): Applier {
    return new Applier({ ...this.#options, client: this.#options.client.within(signal), log }, this.#answers);
  }

  /**
   * The newest that we know of an object: what our own write of it left, as long as the cache still shows the version
   * which that write was decided on.
   */
  latest<T extends KubeObject>(cached: T): T {
    const { uid = "", resourceVersion } = cached.metadata;
    const answer = this.#answers.get(uid);
    return answer !== undefined && answer.decidedOn === resourceVersion ? (answer.object as T) : cached;
  }

  /**
   * Makes an object as the manifest says, when it is not so already. An object without a controller that has the labels
   * of the stamp is an orphan of ours, as a deletion with `--cascade=orphan` leaves it, and is adopted.
   * @param live the object as the cache knows it
   * @returns the object as it is now
   * @throws Foreign when an object of that name belongs to somebody else, Leftover when to another owner of the same
   * name, Conflict when the live object has been
   * replaced by another meanwhile, or what else the API server says
   */
  async apply(resource: Resource, manifest: Manifest, live: KubeObject | undefined, stamp: Stamp): Promise<KubeObject> {
    const desired = this.#stamped(resource, manifest, stamp);
    if (live !== undefined) return this.#change(resource, desired, this.latest(live), live, stamp);
    try {
      return await this.#write(resource, desired, { resourceVersion: NOT_STORED });
    } catch (error) {
      const found = error instanceof Conflict ? await this.#find(resource, desired) : undefined;
      if (found === undefined) throw error;
      return this.#change(resource, desired, found, found, stamp);
    }
  }

  /** Makes an object. Rejects with Conflict when one of that name exists. */
  async createOnce(resource: Resource, manifest: Manifest, stamp: Stamp): Promise<KubeObject> {
    const { client, fieldManager, log } = this.#options;
    const { namespace } = stamp;
    const body = this.#stamped(resource, manifest, stamp);
    const query = { fieldManager };
    const created = await client.request<KubeObject>("POST", pathOf(resource, { namespace }), { query, body });
    log.info({ kind: resource.kind, name: manifest.metadata.name, namespace }, "Created");
    return created;
  }

  /** Deletes an object of ours; one that is gone already is fine. */
  async remove(resource: Resource, live: KubeObject): Promise<void> {
    const { name, namespace, uid } = live.metadata;
    const body = { propagationPolicy: "Background", preconditions: { uid } };
    try {
      await this.#options.client.request("DELETE", pathOf(resource, { namespace, name }), { body });
      this.#options.log.info({ kind: resource.kind, name, namespace }, "Deleted");
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  /**
   * Sets the status of an object, when it differs from what the object has.
   * @param object as the cache knows it
   */
  async applyStatus(
    resource: Resource,
    object: KubeObject & { readonly status?: unknown },
    status: object,
  ): Promise<void> {
    const { name, namespace, uid = "" } = object.metadata;
    // Our last write counts even when the cache shows another version: it may be one from before that write.
    const known = new Set([this.latest(object), this.#answers.get(uid)?.object ?? object]);
    const wanted = hashOf(status);
    if ([...known].every((one) => hashOf(one.status) === wanted)) return;
    const { client, fieldManager } = this.#options;
    const path = pathOf(resource, { namespace, name, subresource: "status" });
    const metadata = { name, namespace, uid: object.metadata.uid };
    const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, status };
    const options = { query: { fieldManager, force: true }, body, contentType: APPLY };
    this.#note(object, await client.request<KubeObject>("PATCH", path, options).catch(rethrowReplaced));
  }

  /** @param known the newest that is known of the object, which the cache may still show as it was before */
  async #change(
    resource: Resource,
    desired: Child,
    known: KubeObject,
    cached: KubeObject,
    { owner, labels }: Stamp,
  ): Promise<KubeObject> {
    const controller = controllerOf(known);
    if (controller === undefined ? !has(known, labels) : controller.uid !== owner.uid) {
      throw isSameOwner(controller, owner) ? leftover(resource, known, owner) : foreign(resource, known, owner);
    }
    if (covers(known, desired)) return known;
    // With the uid the server refuses to write to, or to make anew, another object of the same name.
    const applied = await this.#write(resource, desired, { uid: known.metadata.uid });
    this.#note(cached, applied);
    return applied;
  }

  async #write(
    resource: Resource,
    desired: Child,
    precondition: Readonly<Record<string, unknown>>,
  ): Promise<KubeObject> {
    const { client, fieldManager, log } = this.#options;
    const { name, namespace } = desired.metadata;
    const body = { ...desired, metadata: { ...desired.metadata, ...precondition } };
    const options = { query: { fieldManager, force: true }, body, contentType: APPLY };
    const applied = await client
      .request<KubeObject>("PATCH", pathOf(resource, desired.metadata), options)
      .catch(rethrowReplaced);
    log.info({ kind: resource.kind, name, namespace }, "Applied");
    return applied;
  }

  #find(resource: Resource, { metadata }: Child): Promise<KubeObject | undefined> {
    return this.#options.client.find<KubeObject>(pathOf(resource, metadata));
  }

  #note(cached: KubeObject, object: KubeObject): void {
    const { uid = "", resourceVersion } = cached.metadata;
    this.#answers.set(uid, { decidedOn: resourceVersion, object: withoutManagedFields(object) });
  }

  #stamped(resource: Resource, manifest: Manifest, { owner, namespace, labels }: Stamp): Child {
    const object = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      ...manifest,
      metadata: {
        ...manifest.metadata,
        namespace,
        labels: { ...labels, ...manifest.metadata.labels },
        ownerReferences: [owner],
      },
    };
    const annotations = { ...manifest.metadata.annotations, [this.#options.hashAnnotation]: hashOf(object) };
    return { ...object, metadata: { ...object.metadata, annotations } };
  }
}

const has = ({ metadata }: KubeObject, labels: Stamp["labels"]): boolean =>
  Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value);

/** The server calls it invalid to change a uid. It means that another object has the name now. */
function rethrowReplaced(error: unknown): never {
  if (!(error instanceof Invalid && error.message.includes("metadata.uid"))) throw error;
  throw new Conflict(409, "Conflict", error.message, { cause: error });
}

/** Whether two references name the same object but for its uid. */
function isSameOwner(one: OwnerReference | undefined, other: OwnerReference): boolean {
  return one?.apiVersion === other.apiVersion && one.kind === other.kind && one.name === other.name;
}

function leftover({ kind }: Resource, { metadata: { name, namespace } }: KubeObject, owner: OwnerReference): Leftover {
  return new Leftover(
    `${kind} ${namespace}/${name} belongs to a deleted ${owner.kind} ${owner.name}, and goes with it`,
  );
}

function foreign({ kind }: Resource, { metadata: { name, namespace } }: KubeObject, owner: OwnerReference): Foreign {
  return new Foreign(
    `${kind} ${namespace}/${name} exists and does not belong to ${owner.kind} ${owner.name}: delete or rename it`,
  );
}
