import { expect, test } from "@jest/globals";
import { extensionsOf, IDENTITIES } from "./certificates.ts";
import { controlPlane } from "./control-plane.ts";
import { NODES, type NodeLayout } from "./layout.ts";
import { cniConfig, containerdConfig, kubeletConfig, kubeProxyConfig } from "./node-config.ts";

const [node] = NODES as [NodeLayout];

test("nodes differ in name, address, cable and pod range", () => {
  for (const key of ["name", "address", "cable", "namespace", "podRange"] as const) {
    expect(new Set(NODES.map((each) => each[key])).size).toBe(NODES.length);
  }
});

test("every pod range is one of the cluster's, which kube-proxy takes for local traffic", () => {
  expect(kubeProxyConfig(node)).toMatchObject({ clusterCIDR: "10.98.0.0/16", hostnameOverride: "n1" });
  expect(JSON.stringify(cniConfig(node))).toContain('"subnet":"10.98.1.0/24"');
});

test("a kubelet keeps to its own control group, with the certificate of its node", () => {
  expect(kubeletConfig(node, "/resolv.conf")).toMatchObject({
    cgroupRoot: "/aaa-cluster/n1",
    tlsCertFile: expect.stringMatching(/n1\.crt$/),
    resolvConf: "/resolv.conf",
  });
});

test("containerd gets the pause image and the folders of the CNI", () => {
  const config = containerdConfig("pause:1", "/cni/bin", "/cni/conf");
  for (const line of ['sandbox_image = "pause:1"', 'bin_dir = "/cni/bin"', 'conf_dir = "/cni/conf"']) {
    expect(config).toContain(line);
  }
});

test("the API server knows a kubelet by the name the Node authorizer expects, and its address by the certificate", () => {
  const kubelet = IDENTITIES.n1;
  expect(kubelet).toMatchObject({ user: "system:node:n1", group: "system:nodes" });
  expect(extensionsOf({ user: "", ...kubelet }, false)).toContain("subjectAltName=DNS:n1,IP:10.99.0.11");
});

test("pods can verify the API server by the name and address of its Service", () => {
  expect(IDENTITIES["api-server"]?.hosts).toEqual(
    expect.arrayContaining(["DNS:kubernetes", "DNS:kubernetes.default.svc", "IP:10.97.0.1"]),
  );
});

test("the control plane listens on the bridge alone", () => {
  const { etcd, apiServer, managers } = controlPlane();
  expect(etcd.command).toContain("--listen-client-urls=https://10.99.0.1:2379");
  for (const { command } of [apiServer, ...managers]) expect(command).toContain("--bind-address=10.99.0.1");
});
