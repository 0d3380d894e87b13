import type { Desired, Manifest, Resource } from "../../kube/index.ts";
import { CONFIG_MAP, DEPLOYMENT, POD_DISRUPTION_BUDGET, SERVICE, STATEFUL_SET } from "../kinds.ts";
import type { ValidatedCluster } from "../validate.ts";
import { aaaNodesService, aaaStatefulSet } from "./aaa.ts";
import { brokerConfigMap } from "./broker-config.ts";
import { brokerManagementService, brokerNodesService } from "./broker-services.ts";
import { brokerStatefulSet } from "./broker-statefulset.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { gatewayConfigMap, gatewayDeployment, gatewayService } from "./gateway.ts";
import { gatewaysOf } from "./gateways.ts";
import { ossNodesService, ossStatefulSet } from "./oss.ts";
import { ossDatabaseService, ossDatabaseStatefulSet } from "./oss-database.ts";

/**
 * Everything an AaaCluster consists of, apart from its Secrets. Configuration and Services come first, because pods
 * would start without them only to wait.
 */
export function build(cluster: ValidatedCluster): readonly Desired[] {
  const { names, broker, oss, nodes } = cluster;
  const gateways = gatewaysOf(cluster);
  const children: readonly (readonly [Resource, Manifest | null])[] = [
    [CONFIG_MAP, brokerConfigMap(cluster)],
    ...gateways.map((gateway) => [CONFIG_MAP, gatewayConfigMap(cluster, gateway)] as const),
    [SERVICE, brokerNodesService(cluster)],
    [SERVICE, brokerManagementService(cluster)],
    [SERVICE, ossDatabaseService(cluster)],
    [SERVICE, ossNodesService(cluster)],
    [SERVICE, aaaNodesService(cluster)],
    ...gateways.map((gateway) => [SERVICE, gatewayService(cluster, gateway)] as const),
    [POD_DISRUPTION_BUDGET, disruptionBudget(cluster, "broker", names.brokerPods, broker.replicas)],
    [POD_DISRUPTION_BUDGET, disruptionBudget(cluster, "oss", names.oss, oss.replicas)],
    [POD_DISRUPTION_BUDGET, disruptionBudget(cluster, "aaa", names.aaa, nodes.replicas)],
    ...gateways.map(
      ({ component, name, spec }) =>
        [POD_DISRUPTION_BUDGET, disruptionBudget(cluster, component, name, spec.replicas)] as const,
    ),
    [STATEFUL_SET, brokerStatefulSet(cluster)],
    [STATEFUL_SET, ossDatabaseStatefulSet(cluster)],
    [STATEFUL_SET, ossStatefulSet(cluster)],
    [STATEFUL_SET, aaaStatefulSet(cluster)],
    ...gateways.map((gateway) => [DEPLOYMENT, gatewayDeployment(cluster, gateway)] as const),
  ];
  return children.flatMap(([resource, manifest]) => (manifest === null ? [] : [{ resource, manifest }]));
}
