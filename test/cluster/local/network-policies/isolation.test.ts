import { describe, expect, test } from "@jest/globals";
import { isolationsOf } from "./isolation.ts";
import type { NetworkPolicy, Pod, World } from "./objects.ts";

const SERVER = pod("server", "10.0.1.1", { labels: { app: "server" } });
const CLIENT = pod("client", "10.0.2.1", { nodeName: "n2" });
const STRANGER = pod("stranger", "10.0.2.9", { nodeName: "n2", namespace: "elsewhere" });
const PODS = [SERVER, CLIENT, STRANGER];

interface PodOptions {
  readonly labels?: Record<string, string>;
  readonly namespace?: string;
  readonly nodeName?: string;
}

function pod(
  name: string,
  podIP: string,
  { labels = { app: name }, namespace = "tv", nodeName = "n1" }: PodOptions,
): Pod {
  const ports = [{ name: "web", containerPort: 8000 + name.length }];
  return {
    metadata: { name, namespace, labels },
    spec: { nodeName, containers: [{}], initContainers: [{ ports }] },
    status: { phase: "Running", podIP },
  };
}

/** What the policy of namespace tv lets the pods of n1 exchange. */
function isolations(
  spec: Partial<NetworkPolicy["spec"]>,
  pods: readonly Pod[] = PODS,
): ReturnType<typeof isolationsOf> {
  const policies = [
    { metadata: { name: "policy", namespace: "tv" }, spec: { policyTypes: ["Ingress"] as const, ...spec } },
  ];
  return isolationsOf({ policies, pods, namespaces: NAMESPACES }, "n1");
}

const NAMESPACES: World["namespaces"] = [
  { metadata: { name: "tv", labels: { team: "tv" } } },
  { metadata: { name: "elsewhere", labels: { team: "else" } } },
];

test("a pod that no policy selects is not isolated", () => {
  expect(isolations({ podSelector: { matchLabels: { app: "nobody" } } })).toEqual([]);
});

test("a policy without rules allows nothing, in the directions it names", () => {
  const nothing = { address: "10.0.1.1", allowed: [] };
  expect(isolations({})).toEqual([{ ...nothing, direction: "ingress" }]);
  expect(isolations({ policyTypes: ["Ingress", "Egress"] })).toEqual([
    { ...nothing, direction: "ingress" },
    { ...nothing, direction: "egress" },
  ]);
});

test("a node has the rules of its own pods, and of those that still have an address of their own", () => {
  const ended = { ...SERVER, status: { phase: "Failed", podIP: "10.0.1.1" } };
  const onNode = { ...SERVER, spec: { ...SERVER.spec, hostNetwork: true } };
  const starting = { ...SERVER, status: {} };
  expect(isolations({}, [ended, onNode, starting, CLIENT, STRANGER])).toEqual([]);
});

test("an empty rule allows everything", () => {
  expect(isolations({ ingress: [{}] })[0]?.allowed).toEqual([{ peers: null, port: null }]);
});

describe("a peer", () => {
  const addressesOf = (from: object): unknown => isolations({ ingress: [{ from: [from] }] })[0]?.allowed[0]?.peers;

  test("with a podSelector is looked for in the policy's own namespace", () => {
    expect(addressesOf({ podSelector: {} })).toEqual({ addresses: ["10.0.1.1", "10.0.2.1"] });
  });

  test("with a namespaceSelector is every pod there", () => {
    expect(addressesOf({ namespaceSelector: { matchLabels: { team: "else" } } })).toEqual({ addresses: ["10.0.2.9"] });
  });

  test("with both selectors has to fit both", () => {
    const podSelector = { matchLabels: { app: "client" } };
    expect(addressesOf({ namespaceSelector: {}, podSelector })).toEqual({ addresses: ["10.0.2.1"] });
  });

  test("with an ipBlock is that range but its exceptions", () => {
    const ipBlock = { cidr: "192.0.2.0/24", except: ["192.0.2.128/25"] };
    expect(addressesOf({ ipBlock })).toEqual({ addresses: ["192.0.2.0/24"], except: ["192.0.2.128/25"] });
  });
});

describe("a port", () => {
  test("is of TCP, and one or many", () => {
    const ports = [{ port: 80 }, { port: 90, endPort: 99 }, { protocol: "UDP", port: 53 }, { protocol: "SCTP" }];
    expect(isolations({ ingress: [{ ports }] })[0]?.allowed.map(({ port }) => port)).toEqual([
      { protocol: "TCP", range: "80" },
      { protocol: "TCP", range: "90-99" },
      { protocol: "UDP", range: "53" },
      { protocol: "SCTP", range: null },
    ]);
  });

  test("with a name is the isolated pod's own on the way in, a sidecar's as well", () => {
    expect(isolations({ ingress: [{ ports: [{ port: "web" }] }] })[0]?.allowed).toEqual([
      { peers: null, port: { protocol: "TCP", range: "8006" } },
    ]);
  });

  test("with a name is each other pod's own on the way out", () => {
    const egress = [{ to: [{ namespaceSelector: {}, podSelector: {} }], ports: [{ port: "web" }] }];
    const allowed = isolations({ policyTypes: ["Egress"], egress })[0]?.allowed;
    expect(allowed).toContainEqual({ peers: { addresses: ["10.0.2.1"] }, port: { protocol: "TCP", range: "8006" } });
    expect(allowed).toContainEqual({ peers: { addresses: ["10.0.2.9"] }, port: { protocol: "TCP", range: "8008" } });
  });
});

test("policies of one pod add up", () => {
  const spec = { policyTypes: ["Ingress"] as const };
  const policies = [1, 2].map((port) => ({
    metadata: { name: `policy-${port}`, namespace: "tv" },
    spec: { ...spec, ingress: [{ ports: [{ port }] }] },
  }));
  const [isolation] = isolationsOf({ policies, pods: PODS, namespaces: NAMESPACES }, "n1");
  expect(isolation?.allowed.map(({ port }) => port?.range)).toEqual(["1", "2"]);
});
