import type { V1NetworkPolicyPeer, V1NetworkPolicyPort } from "@kubernetes/client-node";
import type { Manifest } from "../../kube/index.ts";
import { type Component, componentLabels, OPERATOR_LABELS, selectorLabels } from "../labels.ts";
import { componentName } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";
import { type Arrow, arrowsOf, type PortRange } from "./arrows.ts";

/** The library's type has another name for `from`. */
interface Rule {
  readonly from?: readonly V1NetworkPolicyPeer[];
  readonly to?: readonly V1NetworkPolicyPeer[];
  readonly ports?: readonly V1NetworkPolicyPort[];
}

type NetworkPolicy = Manifest & {
  readonly spec: {
    readonly podSelector: object;
    readonly policyTypes: readonly string[];
    readonly ingress: readonly Rule[];
    readonly egress: readonly Rule[];
  };
};

/** It resolves no names. */
const WITHOUT_DNS: Component = "oss-database";
/** Policies see the port of the DNS pod, which is another one than its Service's in some clusters, as OpenShift's. */
const DNS_PORTS = [53, 5353];
const DNS: Rule = {
  ports: DNS_PORTS.flatMap((port) => (["UDP", "TCP"] as const).map((protocol) => ({ protocol, port }))),
};

/** Lets a component's pods have the connections of the picture, and no other. */
export function networkPolicy(cluster: ValidatedCluster, component: Component): NetworkPolicy {
  const { name } = cluster;
  const arrows = arrowsOf(cluster);
  const ingress = arrows.filter(({ to }) => to === component).map((arrow) => ruleOf(cluster, "from", arrow));
  const egress = [
    ...arrows.filter(({ from }) => from === component).map((arrow) => ruleOf(cluster, "to", arrow)),
    ...(component === WITHOUT_DNS ? [] : [DNS]),
  ];
  return {
    metadata: { name: componentName(name, component), labels: componentLabels(name, component) },
    spec: {
      podSelector: { matchLabels: selectorLabels(name, component) },
      policyTypes: ["Ingress", "Egress"],
      ingress,
      egress,
    },
  };
}

function ruleOf(cluster: ValidatedCluster, side: "from" | "to", { ports, ...ends }: Arrow): Rule {
  const peers = peersOf(cluster, ends[side]);
  return {
    ...(peers === "anyone" ? {} : { [side]: peers }),
    ...(ports.length === 0 ? {} : { ports: ports.map(portOf) }),
  };
}

function portOf(port: number | PortRange): V1NetworkPolicyPort {
  if (typeof port === "number") return { protocol: "TCP", port };
  return { protocol: "TCP", port: port.first, endPort: port.last };
}

function peersOf(
  { name, operatorNamespace }: ValidatedCluster,
  end: Arrow["from"],
): readonly V1NetworkPolicyPeer[] | "anyone" {
  if (end === "anyone") return "anyone";
  if (end !== "operator") return [{ podSelector: { matchLabels: selectorLabels(name, end) } }];
  // An operator outside of Kubernetes may come from anywhere.
  if (operatorNamespace === undefined) return "anyone";
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": operatorNamespace } };
  return [{ namespaceSelector, podSelector: { matchLabels: OPERATOR_LABELS } }];
}
