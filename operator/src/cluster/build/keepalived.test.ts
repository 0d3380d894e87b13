import { expect, test } from "@jest/globals";
import { containerOf, environmentOf, podOf } from "../testing/children.ts";
import { aCluster, gatewayOf } from "../testing/fixtures.ts";
import { gatewayConfigMap, gatewayDeployment, gatewayService } from "./gateway.ts";
import { gatewaysOf } from "./gateways.ts";
import { haproxyConfig, haproxyVersion } from "./haproxy-config.ts";
import { candidatesService, candidatesStatefulSet } from "./keepalived.ts";

const KEEPALIVED = { mode: "Keepalived" as const, virtualIP: "192.0.2.10", interface: "eth1", virtualRouterID: 51 };

function built(changes: object = {}) {
  const spec = { nodes: { gateway: { ...KEEPALIVED, ...changes } } };
  const cluster = aCluster(spec);
  const gateway = gatewayOf("aaa-gateway", spec);
  const set = candidatesStatefulSet(cluster, gateway);
  if (set === null) throw new Error("no StatefulSet");
  const pod = podOf(set);
  const files = gatewayConfigMap(cluster, gateway).data ?? {};
  return { cluster, gateway, set, pod, files, vrrp: files["keepalived.conf"] ?? "" };
}
const linesOf = (text: string): string[] => text.split("\n").map((line) => line.trim());

test("candidates are on the network of different Kubernetes nodes, and find each other by name", () => {
  const { cluster, gateway, set, pod } = built();
  expect(gatewayDeployment(cluster, gateway)).toBeNull();
  expect(set).toMatchObject({
    metadata: { name: "tv-aaa-gateway" },
    spec: { replicas: 2, serviceName: "tv-aaa-gateway-candidates", podManagementPolicy: "Parallel" },
  });
  expect(pod).toMatchObject({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
  // Their ports keep them apart. A required affinity would keep the pods of Service mode from taking their place.
  expect(containerOf(pod, "haproxy").ports).toContainEqual({
    name: "virtual",
    containerPort: 6060,
    hostPort: 6060,
    hostIP: "192.0.2.10",
  });
  expect(pod?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toBeUndefined();
  expect(candidatesService(cluster, gateway)).toMatchObject({
    metadata: { name: "tv-aaa-gateway-candidates" },
    spec: { clusterIP: "None", publishNotReadyAddresses: true },
  });
  expect(environmentOf(containerOf(pod, "keepalived"))).toEqual({
    POD_NAME: "field:metadata.name",
    HOST_IP: "field:status.hostIP",
    VIRTUAL_IP: "192.0.2.10",
    INTERFACE: "eth1",
    HEALTH_PORT: "28051",
    CANDIDATES: "tv-aaa-gateway-candidates.aaa.svc.cluster.local.",
  });
});

test("a gateway in Service mode has no candidates", () => {
  const cluster = aCluster();
  for (const gateway of gatewaysOf(cluster)) {
    expect(candidatesStatefulSet(cluster, gateway)).toBeNull();
    expect(candidatesService(cluster, gateway)).toBeNull();
    expect(Object.keys(gatewayConfigMap(cluster, gateway).data ?? {})).toEqual(["haproxy.cfg"]);
  }
});

test("only keepalived is root, with the two capabilities of VRRP and nothing else that is not restricted", () => {
  const { pod } = built();
  expect(containerOf(pod, "keepalived").securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: false,
    runAsUser: 0,
    runAsGroup: 0,
    capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
  });
  expect(containerOf(pod, "haproxy").securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});

test("several gateways share a Kubernetes node: each has ports of its own, and only its virtual IP's entrance", () => {
  const { cluster, gateway, pod } = built();
  expect(containerOf(pod, "haproxy").ports).toEqual([
    { name: "http", containerPort: 28_351 },
    { name: "health", containerPort: 28_051 },
    { name: "virtual", containerPort: 6060, hostPort: 6060, hostIP: "192.0.2.10" },
  ]);
  expect(linesOf(haproxyConfig(gateway)).filter((line) => line.startsWith("bind"))).toEqual([
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: HAProxy's variables
    'bind ":${ENTRANCE_PORT}"',
    'bind "${VIRTUAL_ENTRANCE}" transparent',
    'bind ":${HEALTH_PORT}"',
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: HAProxy's variables
  ]);
  expect(environmentOf(containerOf(pod, "haproxy"))).toEqual({
    POD_NAME: "field:metadata.name",
    ENTRANCE_PORT: "28351",
    HEALTH_PORT: "28051",
    VIRTUAL_ENTRANCE: "192.0.2.10:6060",
    VIRTUAL_HEALTH: "192.0.2.10:28051",
  });
  expect(gatewayService(cluster, gateway).spec?.ports).toEqual([{ name: "http", port: 6060, targetPort: "http" }]);
});

test("HAProxy says whether it is the one that answers at the virtual IP", () => {
  const { gateway } = built();
  const lines = linesOf(haproxyConfig(gateway));
  expect(lines).toEqual(
    expect.arrayContaining([
      `http-request return status 200 content-type application/json lf-string '{"configuration":"${haproxyVersion(gateway)}","servers":%[nbsrv(servers)],"virtualIP":"192.0.2.10","holds":%[nbsrv(holder)]}' if { path /v1/gateway }`,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy's variable
      'http-check expect string "${POD_NAME}"',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy's variable
      'server self "${VIRTUAL_HEALTH}" check inter 500ms fall 1 rise 1',
    ]),
  );
});

test("the first candidate comes first, and the order of the others is known", () => {
  const priorities = linesOf(built().vrrp).filter((line) => line.startsWith("@"));
  expect(priorities).toEqual(
    [250, 219, 188, 157, 126, 95, 64, 33, 2].map(
      (priority, ordinal) => `@tv-aaa-gateway-${ordinal} priority ${priority}`,
    ),
  );
});

test("keepalived speaks VRRP 3 to known peers only, and is at fault without any, or without a usable HAProxy", () => {
  const lines = linesOf(built({ advertIntervalMilliseconds: 125, preemptDelaySeconds: 30 }).vrrp);
  expect(lines).toEqual(
    expect.arrayContaining([
      "vrrp_version 3",
      "state BACKUP",
      "interface eth1",
      "virtual_router_id 51",
      "advert_int 0.13",
      "preempt_delay 30",
      "unicast_fault_no_peer",
      "include /run/keepalived/peers.conf",
      "192.0.2.10/32 dev eth1",
      "fault weight 0",
    ]),
  );
  expect(linesOf(built().vrrp)).toEqual(expect.arrayContaining(["advert_int 0.20", "preempt_delay 10"]));
  expect(linesOf(built({ virtualIP: "2001:db8::7" }).vrrp)).toContain("2001:db8::7/128 dev eth1");
});

test.each(["192.0.2.10/24", "192.0.2", "192.0.2.10\n}", "fe80::1%eth0", "", "tv.example"])(
  "%j is no address, and comes into no configuration",
  (virtualIP) => expect(() => built({ virtualIP })).toThrow(/is no address: write one|spec/),
);

test.each(["eth0\n", "eth0 {", "", "a".repeat(16), "../x"])("%j is no interface", (name) => {
  expect(() => built({ interface: name })).toThrow("interface");
});
