import { readFile, writeFile } from "node:fs/promises";
import { CA_CERTIFICATE, certificateFile, keyFile } from "./certificates.ts";
import { API_URL, CLUSTER, statePath } from "./layout.ts";

export function kubeconfigFile(identity: string): string {
  return identity === "admin" ? statePath("kubeconfig") : statePath("pki", `${identity}.kubeconfig`);
}

/** Writes the kubeconfig of an identity. It holds its certificates, so it can be copied elsewhere. */
export async function writeKubeconfig(identity: string): Promise<void> {
  const encoded = (file: string): Promise<string> => readFile(file, "base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": CLUSTER,
    contexts: [{ name: CLUSTER, context: { cluster: CLUSTER, user: identity } }],
    clusters: [
      {
        name: CLUSTER,
        cluster: { server: API_URL, "certificate-authority-data": await encoded(certificateFile(CA_CERTIFICATE)) },
      },
    ],
    users: [
      {
        name: identity,
        user: {
          "client-certificate-data": await encoded(certificateFile(identity)),
          "client-key-data": await encoded(keyFile(identity)),
        },
      },
    ],
  };
  await writeFile(kubeconfigFile(identity), JSON.stringify(config, null, 2), { mode: 0o600 });
}
