import { type AuditedRequest, requestsOf } from "./audit.ts";
import { type Access, Kubectl, type KubernetesObject } from "./kubectl.ts";
import { OPERATOR_NAMESPACE } from "./operator.ts";

/** A rule of a Role or ClusterRole; one for URLs has no resources. */
export interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
}

/** Rules, and the namespace they hold in; without one they hold in all of the cluster. */
export interface GrantedRules {
  readonly namespace?: string;
  readonly rules: readonly Rule[];
}

/** One right: `resource` is `pods` or, with a subresource, `pods/status`. */
export interface Grant {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  readonly namespace?: string;
}

const ANY = "*";

/** Pure: the rights that none of the requests made use of. */
export function unusedGrants(granted: readonly GrantedRules[], requests: readonly AuditedRequest[]): Grant[] {
  return granted.flatMap(grantsOf).filter((grant) => !requests.some((request) => covers(grant, request)));
}

function grantsOf({ namespace, rules }: GrantedRules): Grant[] {
  return rules.flatMap(({ apiGroups = [], resources = [], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => ({ group, resource, verb, ...(namespace === undefined ? {} : { namespace }) })),
      ),
    ),
  );
}

function covers(grant: Grant, { verb, group, resource, subresource, namespace }: AuditedRequest): boolean {
  const path = subresource === "" ? resource : `${resource}/${subresource}`;
  const pairs = [
    [grant.group, group],
    [grant.resource, path],
    [grant.verb, verb],
    [grant.namespace ?? ANY, namespace],
  ];
  return pairs.every(([allowed, asked]) => allowed === ANY || allowed === asked);
}

/**
 * What the operator's service account may do and has never done since the cluster was started. A right that is only
 * asked about, as `update` of `finalizers` is when an owner reference is written, is in no audit log and always here.
 */
export async function grantsNeverUsed(access: Access): Promise<Grant[]> {
  return unusedGrants(await grantedToOperator(access), requestsOf(await access.auditLog()));
}

/** The rules of every role that is bound to a service account in the operator's namespace. */
async function grantedToOperator(access: Access): Promise<GrantedRules[]> {
  const kubectl = new Kubectl(access, OPERATOR_NAMESPACE);
  const objects = (kind: string): Promise<readonly KubernetesObject[]> => listEverywhere(kubectl, kind);
  const bindings = [...(await objects("clusterrolebindings")), ...(await objects("rolebindings"))];
  const roles = [...(await objects("clusterroles")), ...(await objects("roles"))];
  return bindings.filter(isOfOperator).map(({ metadata: { namespace }, roleRef }) => {
    const isIt = (role: KubernetesObject): boolean =>
      role.kind === roleRef.kind &&
      role.metadata.name === roleRef.name &&
      (role.kind === "ClusterRole" || role.metadata.namespace === namespace);
    return { rules: roles.find(isIt)?.rules ?? [], ...(namespace === undefined ? {} : { namespace }) };
  });
}

async function listEverywhere(kubectl: Kubectl, kind: string): Promise<readonly KubernetesObject[]> {
  const list = await kubectl.run(["get", kind, "--all-namespaces", "--output=json"]);
  return (JSON.parse(list) as { items: KubernetesObject[] }).items;
}

function isOfOperator({ subjects = [] }: KubernetesObject): boolean {
  return (subjects as { kind: string; namespace?: string }[]).some(
    ({ kind, namespace }) => kind === "ServiceAccount" && namespace === OPERATOR_NAMESPACE,
  );
}
