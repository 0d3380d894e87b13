import { CA_CERTIFICATE, certificateFile, keyFile } from "./certificates.ts";
import { cgroupOf } from "./daemons.ts";
import { kubeconfigFile } from "./kubeconfig.ts";
import { DNS_ADDRESS, type NodeLayout, POD_RANGE } from "./layout.ts";

const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";

/** Pure: containerd's configuration. Paths are as the node sees them. */
export function containerdConfig(pauseImage: string, cniPrograms: string, cniConfig: string): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Root without CAP_SYS_RESOURCE may not lower a process's score.
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${cniPrograms}"
  conf_dir = "${cniConfig}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;
}

/** Pure: how a node gives its pods their network. */
export function cniConfig({ podRange }: NodeLayout): object {
  const bridge = {
    type: "bridge",
    bridge: "cni0",
    isDefaultGateway: true,
    hairpinMode: true,
    ipam: { type: "host-local", dataDir: "/run/cni", ranges: [[{ subnet: podRange }]] },
  };
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [bridge, { type: "portmap", capabilities: { portMappings: true } }],
  };
}

/** Pure: the kubelet's configuration. */
export function kubeletConfig(node: NodeLayout, resolvConf: string): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: { anonymous: { enabled: false }, x509: { clientCAFile: certificateFile(CA_CERTIFICATE) } },
    tlsCertFile: certificateFile(node.name),
    tlsPrivateKeyFile: keyFile(node.name),
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    clusterDNS: [DNS_ADDRESS],
    clusterDomain: "cluster.local",
    resolvConf,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${cgroupOf(node.name)}`,
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    enforceNodeAllocatable: [],
    localStorageCapacityIsolation: false,
    // Relative limits cannot be computed on a root disk that the kubelet cannot identify.
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi" },
    imageGCHighThresholdPercent: 100,
    nodeLeaseDurationSeconds: 12,
    logging: { verbosity: 1 },
  };
}

/** Pure: kube-proxy's configuration. */
export function kubeProxyConfig(node: NodeLayout): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    hostnameOverride: node.name,
    clusterCIDR: POD_RANGE,
    clientConnection: { kubeconfig: kubeconfigFile("kube-proxy") },
    oomScoreAdj: 0,
    // Zero leaves the kernel's settings, which belong to the whole machine, as they are.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  };
}
