import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { run } from "../../lib/run.ts";
import { API_SERVICE_ADDRESS, HOST_ADDRESS, NODES, statePath } from "./layout.ts";

/** An identity: `user` and `group` are what the API server reads in it, `hosts` what a server answers to. */
interface Identity {
  readonly user: string;
  readonly group?: string;
  readonly hosts?: readonly string[];
}

/** The one whom extension API servers believe when it says on whose behalf it asks. */
export const FRONT_PROXY = "front-proxy-client";
const DAYS = "3650";

/** One certificate for each party, all signed by one authority. */
export const IDENTITIES: Readonly<Record<string, Identity>> = {
  admin: { user: "admin", group: "system:masters" },
  etcd: { user: "etcd", hosts: [`IP:${HOST_ADDRESS}`] },
  "api-server": { user: "kube-apiserver", hosts: apiServerHosts() },
  "api-server-client": { user: "kube-apiserver-client", group: "system:masters" },
  "front-proxy": { user: FRONT_PROXY },
  "controller-manager": { user: "system:kube-controller-manager" },
  scheduler: { user: "system:kube-scheduler" },
  "kube-proxy": { user: "system:kube-proxy" },
  ...Object.fromEntries(
    NODES.map(({ name, address }) => [
      name,
      { user: `system:node:${name}`, group: "system:nodes", hosts: [`DNS:${name}`, `IP:${address}`] },
    ]),
  ),
};

export const CA_CERTIFICATE = "ca";
export const SERVICE_ACCOUNT_KEY = "service-account";

export function certificateFile(name: string): string {
  return statePath("pki", `${name}.crt`);
}

export function keyFile(name: string): string {
  return statePath("pki", `${name}.key`);
}

/** Makes what is missing of the authority, the certificates and the key that signs ServiceAccount tokens. */
export async function ensureCertificates(): Promise<void> {
  await mkdir(statePath("pki"), { recursive: true, mode: 0o700 });
  await ensureCertificate(CA_CERTIFICATE, { user: "aaa-cluster-ca" });
  const names = Object.entries(IDENTITIES);
  await Promise.all(names.map(([name, identity]) => ensureCertificate(name, identity, CA_CERTIFICATE)));
  const key = keyFile(SERVICE_ACCOUNT_KEY);
  if (!existsSync(key)) {
    await run("openssl", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", `${key}.part`]);
    await rename(`${key}.part`, key);
  }
}

async function ensureCertificate(name: string, identity: Identity, ca?: string): Promise<void> {
  const file = certificateFile(name);
  if (existsSync(file)) return;
  const partial = `${file}.part`;
  await rm(partial, { force: true });
  const signer = ca === undefined ? [] : ["-CA", certificateFile(ca), "-CAkey", keyFile(ca)];
  const subject = `${identity.group === undefined ? "" : `/O=${identity.group}`}/CN=${identity.user}`;
  const extensions = extensionsOf(identity, ca === undefined).flatMap((line) => ["-addext", line]);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyFile(name)];
  const request = ["req", "-x509", "-days", DAYS, "-subj", subject, ...signer, ...extensions, ...key];
  await run("openssl", [...request, "-out", partial]);
  await rename(partial, file);
}

/** Pure: the X.509 extensions of a certificate, as openssl spells them. */
export function extensionsOf({ hosts = [] }: Identity, isAuthority: boolean): string[] {
  if (isAuthority) return ["keyUsage=critical,keyCertSign,cRLSign"];
  const names = hosts.length === 0 ? [] : [`subjectAltName=${hosts.join(",")}`];
  return ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth,serverAuth", ...names];
}

function apiServerHosts(): string[] {
  const service = "kubernetes.default.svc.cluster.local";
  const labels = service.split(".");
  const names = [1, 2, 3, 5].map((count) => `DNS:${labels.slice(0, count).join(".")}`);
  return [...names, `IP:${HOST_ADDRESS}`, `IP:${API_SERVICE_ADDRESS}`];
}
