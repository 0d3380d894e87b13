import { join } from "node:path";
import { auditFlags } from "../audit.ts";
import { auditLogFile, auditPolicyFile } from "./audit-log.ts";
import { CA_CERTIFICATE, certificateFile, FRONT_PROXY, keyFile, SERVICE_ACCOUNT_KEY } from "./certificates.ts";
import type { Daemon } from "./daemons.ts";
import { kubeconfigFile } from "./kubeconfig.ts";
import { API_URL, ETCD_URL, HOST_ADDRESS, PORTS, SERVICE_RANGE, statePath } from "./layout.ts";

export interface ControlPlane {
  readonly etcd: Daemon;
  readonly apiServer: Daemon;
  readonly managers: readonly Daemon[];
  /** Enforces NetworkPolicies on every node. */
  readonly networkPolicies: Daemon;
}

/** Pure: the control plane's processes, in the order in which they need each other. */
export function controlPlane(): ControlPlane {
  const managers = [controllerManager(), scheduler()];
  return { etcd: etcd(), apiServer: apiServer(), managers, networkPolicies: networkPolicies() };
}

function daemon(name: string, program: string, flags: Readonly<Record<string, string>>): Daemon {
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return { name: `control-plane/${name}`, command: [statePath("bin", program), ...args] };
}

function etcd(): Daemon {
  const peer = `https://${HOST_ADDRESS}:${PORTS.etcdPeer}`;
  return daemon("etcd", "server", {
    "data-dir": statePath("etcd"),
    "listen-client-urls": ETCD_URL,
    "advertise-client-urls": ETCD_URL,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `default=${peer}`,
    "client-cert-auth": "true",
    "trusted-ca-file": certificateFile(CA_CERTIFICATE),
    "cert-file": certificateFile("etcd"),
    "key-file": keyFile("etcd"),
    "peer-client-cert-auth": "true",
    "peer-trusted-ca-file": certificateFile(CA_CERTIFICATE),
    "peer-cert-file": certificateFile("etcd"),
    "peer-key-file": keyFile("etcd"),
    // This cluster is for tests: losing the last second in a power cut is fine, waiting for a slow disk is not.
    "unsafe-no-fsync": "true",
    "log-level": "warn",
  });
}

function apiServer(): Daemon {
  return daemon("api-server", "kube-apiserver", {
    "etcd-servers": ETCD_URL,
    "etcd-cafile": certificateFile(CA_CERTIFICATE),
    "etcd-certfile": certificateFile("api-server-client"),
    "etcd-keyfile": keyFile("api-server-client"),
    "bind-address": HOST_ADDRESS,
    "advertise-address": HOST_ADDRESS,
    "secure-port": String(PORTS.apiServer),
    "tls-cert-file": certificateFile("api-server"),
    "tls-private-key-file": keyFile("api-server"),
    "client-ca-file": certificateFile(CA_CERTIFICATE),
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": "NodeRestriction",
    "allow-privileged": "true",
    "service-cluster-ip-range": SERVICE_RANGE,
    "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
    "service-account-key-file": keyFile(SERVICE_ACCOUNT_KEY),
    "service-account-signing-key-file": keyFile(SERVICE_ACCOUNT_KEY),
    "kubelet-certificate-authority": certificateFile(CA_CERTIFICATE),
    "kubelet-client-certificate": certificateFile("api-server-client"),
    "kubelet-client-key": keyFile("api-server-client"),
    "kubelet-preferred-address-types": "InternalIP",
    "requestheader-client-ca-file": certificateFile(CA_CERTIFICATE),
    "requestheader-allowed-names": FRONT_PROXY,
    "requestheader-extra-headers-prefix": "X-Remote-Extra-",
    "requestheader-group-headers": "X-Remote-Group",
    "requestheader-username-headers": "X-Remote-User",
    "proxy-client-cert-file": certificateFile("front-proxy"),
    "proxy-client-key-file": keyFile("front-proxy"),
    ...auditFlags(auditPolicyFile(), auditLogFile()),
  });
}

function controllerManager(): Daemon {
  return daemon("controller-manager", "kube-controller-manager", {
    ...clientFlags("controller-manager"),
    "secure-port": String(PORTS.controllerManager),
    "service-account-private-key-file": keyFile(SERVICE_ACCOUNT_KEY),
    "use-service-account-credentials": "true",
    "root-ca-file": certificateFile(CA_CERTIFICATE),
    "cluster-signing-cert-file": certificateFile(CA_CERTIFICATE),
    "cluster-signing-key-file": keyFile(CA_CERTIFICATE),
    // Tests that lose a node need not wait for the default of 50 s. Kubelets renew their lease every 3 s.
    "node-monitor-grace-period": "16s",
    "node-monitor-period": "2s",
  });
}

function scheduler(): Daemon {
  return daemon("scheduler", "kube-scheduler", {
    ...clientFlags("scheduler"),
    "secure-port": String(PORTS.scheduler),
  });
}

/** It runs outside of the nodes, and reaches into the network namespace of each. */
function networkPolicies(): Daemon {
  const agent = join(import.meta.dirname, "network-policies", "agent.ts");
  return { name: "control-plane/network-policies", command: [process.execPath, agent, kubeconfigFile("admin")] };
}

function clientFlags(identity: string): Record<string, string> {
  const kubeconfig = kubeconfigFile(identity);
  return {
    master: API_URL,
    kubeconfig,
    "authentication-kubeconfig": kubeconfig,
    "authorization-kubeconfig": kubeconfig,
    "bind-address": HOST_ADDRESS,
    "leader-elect": "false",
  };
}
