import { expect, test } from "@jest/globals";
import type { AaaClusterSpec } from "../../api/schema.ts";
import { type Component, componentOf, OPERATOR_LABELS } from "../labels.ts";
import { PORTS } from "../names.ts";
import { builtOf, workloadsOf } from "../testing/children.ts";
import { anAaaCluster, type Partially, SETTINGS } from "../testing/fixtures.ts";
import { type End, mayConnect, type Policy, type Port } from "../testing/network.ts";
import { ALL_EXTERNAL, EXTERNAL_BROKER, EXTERNAL_DATABASE, WITH_TLS } from "../testing/specs.ts";
import { type ValidatedCluster, validate } from "../validate.ts";
import { networkPolicy } from "./network-policy.ts";

/** Every port that anything listens on, one that nothing does, and those of DNS: a Service and its pods may have two. */
const ALL_PORTS: readonly Port[] = [
  ...[...Object.values(PORTS), 53, 5353, 9999, 35671, 35672, 35682, 35683].map((port) => ({
    protocol: "TCP" as const,
    port,
  })),
  ...[53, 5353, 9999].map((port) => ({ protocol: "UDP" as const, port })),
];

/** Who is in no cluster, and under no policy. */
const OTHERS: Readonly<Record<string, End>> = {
  operator: { namespace: "operators", labels: OPERATOR_LABELS },
  "a pod with the operator's labels": { namespace: "aaa", labels: OPERATOR_LABELS },
  "a pod of the operator's namespace": { namespace: "operators", labels: {} },
  "a pod beside": { namespace: "aaa", labels: {} },
  "a host outside": {},
};

interface Options {
  readonly name?: string;
  readonly operatorNamespace?: string;
}

function clusterOf(
  spec: Partially<AaaClusterSpec> = {},
  { name = "tv", operatorNamespace }: Options = { operatorNamespace: "operators" },
) {
  const object = anAaaCluster(spec);
  const settings = { ...SETTINGS, ...(operatorNamespace === undefined ? {} : { namespace: operatorNamespace }) };
  return validate({ ...object, metadata: { ...object.metadata, name } }, settings);
}

/** The policies of a cluster, and a pod of each of its components. */
function stageOf(cluster: ValidatedCluster) {
  const { namespace } = cluster;
  const policies = builtOf<Omit<Policy, "namespace">>(cluster, "NetworkPolicy").map(({ spec }) => ({
    namespace,
    spec,
  }));
  const pods = workloadsOf(cluster).map(({ spec: { template } }): [string, End] => {
    const labels = template.metadata?.labels ?? {};
    return [componentOf(labels) ?? "", { namespace, labels }];
  });
  return { policies, pods };
}

/** The connections that may be opened between these ends, as "from -> to: ports". */
function connections(
  policies: readonly Policy[],
  from: readonly (readonly [string, End])[],
  to: readonly (readonly [string, End])[],
): string[] {
  return from.flatMap(([fromName, one]) =>
    to.flatMap(([toName, other]) => {
      const open = ALL_PORTS.filter((port) => mayConnect(policies, one, other, port));
      if (open.length === 0) return [];
      const ports =
        open.length === ALL_PORTS.length
          ? ["any"]
          : open.map(({ protocol, port }) => (protocol === "UDP" ? `${port}/UDP` : port));
      return [`${fromName} -> ${toName}: ${ports.join(" ")}`];
    }),
  );
}

/** All connections from and to the pods of a cluster. */
function picture(cluster: ValidatedCluster) {
  const { policies, pods } = stageOf(cluster);
  const others = Object.entries(OTHERS);
  return {
    within: connections(policies, pods, pods).sort(),
    inwards: connections(policies, others, pods).sort(),
    outwards: connections(policies, pods, others).sort(),
  };
}

const BROKER = (amqp: number): string[] => [
  "aaa -> broker-gateway: 5670",
  `broker -> broker: ${amqp} 4369 25672 35672 35682`,
  `broker-gateway -> broker: ${amqp}`,
  "oss -> broker-gateway: 5670",
];
const SERVICES = ["aaa-gateway -> aaa: 6600", "oss-gateway -> oss: 6700"];
const DATABASE = "oss -> oss-database: 5432";
const OPEN = ["oss-gateway: 6070", "aaa-gateway: 6060"];
/** Where an external part is nobody knows, so who speaks to it may go wherever anyone may. */
const asAnyone = (component: Component): string[] => OPEN.map((entrance) => `${component} -> ${entrance}`);

test.each<[string, Partially<AaaClusterSpec>, string[]]>([
  ["a broker and a database of its own", {}, [...BROKER(5672), ...SERVICES, DATABASE]],
  ["TLS to the broker", WITH_TLS, [...BROKER(5671), ...SERVICES, DATABASE]],
  ["an external broker", EXTERNAL_BROKER, [...SERVICES, DATABASE, ...asAnyone("aaa"), ...asAnyone("oss")]],
  ["an external database", EXTERNAL_DATABASE, [...BROKER(5672), ...SERVICES, ...asAnyone("oss")]],
  ["both external", ALL_EXTERNAL, [...SERVICES, ...asAnyone("aaa"), ...asAnyone("oss")]],
])("within a cluster with %s there are the connections of the picture, and no other", (_, spec, arrows) => {
  expect(picture(clusterOf(spec)).within).toEqual([...arrows].sort());
});

/** The operator asks gateways how they are as well. */
const entrances = (...gateways: readonly string[]): string[] =>
  Object.keys(OTHERS).flatMap((other) =>
    gateways.map((gateway) => `${other} -> ${gateway}${other === "operator" ? " 8404" : ""}`),
  );
const ofAnyone = (...parts: readonly string[]): string[] =>
  Object.keys(OTHERS).flatMap((other) => parts.map((part) => `${other} -> ${part}`));
const OPERATOR = ["operator -> aaa: 6600", "operator -> oss: 6700"];

test.each<[string, Partially<AaaClusterSpec>, string[]]>([
  [
    "a broker of its own",
    {},
    [...entrances("broker-gateway: 5670", ...OPEN), ...OPERATOR, "operator -> broker: 15672"],
  ],
  [
    "TLS to the broker",
    WITH_TLS,
    [...entrances("broker-gateway: 5670", ...OPEN), ...OPERATOR, "operator -> broker: 15671"],
  ],
  ["an external broker", EXTERNAL_BROKER, [...entrances(...OPEN), ...OPERATOR]],
])("into a cluster with %s anyone comes through the gateways, and besides only the operator", (_, spec, arrows) => {
  expect(picture(clusterOf(spec)).inwards).toEqual([...arrows].sort());
});

test("an operator outside of Kubernetes may come from anywhere, to what it asks and nothing else", () => {
  const gateways = ["broker-gateway: 5670", ...OPEN].map((entrance) => `${entrance} 8404`);
  const anywhere = ["broker: 15672", "oss: 6700", "aaa: 6600", ...gateways];
  const { within, inwards } = picture(clusterOf({}, {}));
  expect(inwards).toEqual(ofAnyone(...anywhere).sort());
  expect(within).toEqual([...BROKER(5672), ...SERVICES, DATABASE].sort());
});

const asking = (components: readonly Component[], ports: string): string[] =>
  components.flatMap((one) => Object.keys(OTHERS).map((other) => `${one} -> ${other}: ${ports}`));
const GATEWAYS = ["broker-gateway", "oss-gateway", "aaa-gateway"] as const;
const DNS = "53 5353 53/UDP 5353/UDP";

test.each<[string, Partially<AaaClusterSpec>, string[]]>([
  ["nothing external", {}, asking(["broker", "oss", "aaa", ...GATEWAYS], DNS)],
  [
    "an external broker",
    EXTERNAL_BROKER,
    [...asking(["oss-gateway", "aaa-gateway"], DNS), ...asking(["oss", "aaa"], "any")],
  ],
  [
    "an external database",
    EXTERNAL_DATABASE,
    [...asking(["broker", "aaa", ...GATEWAYS], DNS), ...asking(["oss"], "any")],
  ],
])("out of a cluster with %s names are resolved, and what is external is reached", (_, spec, arrows) => {
  // The database resolves no names, and so opens no connection at all.
  expect(picture(clusterOf(spec)).outwards).toEqual([...arrows].sort());
});

/** The pods of two clusters in one namespace, and all connections from those of one to those of the other. */
function across(one: ValidatedCluster, other: ValidatedCluster): string[] {
  const [a, b] = [stageOf(one), stageOf(other)];
  const policies = [...a.policies, ...b.policies];
  return connections(policies, a.pods, b.pods).sort();
}

test("two clusters in one namespace have nothing to do with each other", () => {
  const other = clusterOf({}, { name: "radio", operatorNamespace: "operators" });
  expect(across(clusterOf(), other)).toEqual([]);
  expect(across(other, clusterOf())).toEqual([]);
});

test("services that speak to something external reach another cluster only through its gateways", () => {
  const other = clusterOf({}, { name: "radio", operatorNamespace: "operators" });
  const open = ["broker-gateway: 5670", ...OPEN];
  expect(across(clusterOf(ALL_EXTERNAL), other)).toEqual(
    ["aaa", "oss"].flatMap((one) => open.map((to) => `${one} -> ${to}`)).sort(),
  );
  expect(across(other, clusterOf(ALL_EXTERNAL))).toEqual([]);
});

test("a policy holds in both directions, for the pods of its component alone", () => {
  expect(networkPolicy(clusterOf(), "oss-database")).toEqual({
    metadata: {
      name: "tv-oss-database",
      labels: expect.objectContaining({ "app.kubernetes.io/component": "oss-database" }),
    },
    spec: {
      podSelector: {
        matchLabels: { "app.kubernetes.io/instance": "tv", "app.kubernetes.io/component": "oss-database" },
      },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            {
              podSelector: {
                matchLabels: { "app.kubernetes.io/instance": "tv", "app.kubernetes.io/component": "oss" },
              },
            },
          ],
          ports: [{ protocol: "TCP", port: 5432 }],
        },
      ],
      // Written out, so that one which somebody adds is taken away again.
      egress: [],
    },
  });
});
