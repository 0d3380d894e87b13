/** What the core knows of any Kubernetes object. Everything else in it is passed through untouched. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** A kind of object and where the API server keeps it. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
}

/** The `apiVersion` of a resource, as objects carry it. */
export function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The API server's path of a collection, an object or its subresource. */
export function pathOf(
  resource: Resource,
  where: { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string } = {},
): string {
  const root = resource.group === "" ? "/api" : `/apis/${resource.group}`;
  const parts = [root, resource.version];
  if (where.namespace !== undefined) parts.push("namespaces", encodeURIComponent(where.namespace));
  parts.push(resource.plural);
  if (where.name !== undefined) parts.push(encodeURIComponent(where.name));
  if (where.subresource !== undefined) parts.push(where.subresource);
  return parts.join("/");
}

/** The key under which caches and queues know an object: `namespace/name`, or `name` without a namespace. */
export function keyOf({ metadata: { namespace, name } }: KubeObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The parts of a key. */
export function partsOf(key: string): { readonly namespace?: string; readonly name: string } {
  const [first = "", second] = key.split("/");
  return second === undefined ? { name: first } : { namespace: first, name: second };
}

/** The owner that controls an object, if it has one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** The reference by which a child names the object that controls it. The child goes when its owner goes. */
export function ownerReferenceTo(resource: Resource, { metadata: { name, uid = "" } }: KubeObject): OwnerReference {
  const apiVersion = apiVersionOf(resource);
  return { apiVersion, kind: resource.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/**
 * The key of the object of kind `owner` that controls a child; undefined when none does. Any version of the owner's
 * group counts.
 */
export function ownerKey(owner: Resource, child: KubeObject): string | undefined {
  const reference = controllerOf(child);
  if (reference?.kind !== owner.kind || groupOf(reference.apiVersion) !== owner.group) return undefined;
  const { namespace } = child.metadata;
  return namespace === undefined ? reference.name : `${namespace}/${reference.name}`;
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
}

/** An object without its `managedFields`, which are half of a small one and of use to the API server alone. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata as ObjectMeta & { readonly managedFields?: unknown };
  return { ...object, metadata };
}
