import type { Desired, Manifest, Resource } from "../../kube/index.ts";
import {
  CONFIG_MAP,
  DEPLOYMENT,
  NETWORK_POLICY,
  POD_DISRUPTION_BUDGET,
  SERVICE,
  SERVICE_ACCOUNT,
  STATEFUL_SET,
} from "../kinds.ts";
import type { ValidatedCluster } from "../validate.ts";
import { aaaNodesService, aaaStatefulSet } from "./aaa.ts";
import { brokerConfigMap } from "./broker-config.ts";
import { brokerManagementService, brokerNodesService } from "./broker-services.ts";
import { brokerStatefulSet } from "./broker-statefulset.ts";
import { componentsOf } from "./components.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { gatewayConfigMap, gatewayDeployment, gatewayService } from "./gateway.ts";
import { gatewaysOf } from "./gateways.ts";
import { candidatesService, candidatesStatefulSet } from "./keepalived.ts";
import { networkPolicy } from "./network-policy.ts";
import { ossNodesService, ossStatefulSet } from "./oss.ts";
import { ossDatabaseService, ossDatabaseStatefulSet } from "./oss-database.ts";
import { serviceAccount } from "./service-account.ts";

/**
 * Everything an AaaCluster consists of, apart from its Secrets. Accounts, policies, configuration and Services come
 * first, because pods would start without them only to wait.
 */
export function build(cluster: ValidatedCluster): readonly Desired[] {
  const gateways = gatewaysOf(cluster);
  const components = componentsOf(cluster);
  const children: readonly (readonly [Resource, Manifest | null])[] = [
    ...components.map(({ component }) => [SERVICE_ACCOUNT, serviceAccount(cluster, component)] as const),
    ...components.map(({ component }) => [NETWORK_POLICY, networkPolicy(cluster, component)] as const),
    [CONFIG_MAP, brokerConfigMap(cluster)],
    ...gateways.map((gateway) => [CONFIG_MAP, gatewayConfigMap(cluster, gateway)] as const),
    [SERVICE, brokerNodesService(cluster)],
    [SERVICE, brokerManagementService(cluster)],
    [SERVICE, ossDatabaseService(cluster)],
    [SERVICE, ossNodesService(cluster)],
    [SERVICE, aaaNodesService(cluster)],
    ...gateways.map((gateway) => [SERVICE, gatewayService(cluster, gateway)] as const),
    ...gateways.map((gateway) => [SERVICE, candidatesService(cluster, gateway)] as const),
    ...components.map(
      ({ component, replicas }) => [POD_DISRUPTION_BUDGET, disruptionBudget(cluster, component, replicas)] as const,
    ),
    [STATEFUL_SET, brokerStatefulSet(cluster)],
    [STATEFUL_SET, ossDatabaseStatefulSet(cluster)],
    [STATEFUL_SET, ossStatefulSet(cluster)],
    [STATEFUL_SET, aaaStatefulSet(cluster)],
    ...gateways.map((gateway) => [DEPLOYMENT, gatewayDeployment(cluster, gateway)] as const),
    ...gateways.map((gateway) => [STATEFUL_SET, candidatesStatefulSet(cluster, gateway)] as const),
  ];
  return children.flatMap(([resource, manifest]) => (manifest === null ? [] : [{ resource, manifest }]));
}
