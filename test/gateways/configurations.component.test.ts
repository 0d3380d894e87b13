import { writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { gatewayFiles } from "../../operator/src/cluster/build/gateway.ts";
import { gatewaysOf } from "../../operator/src/cluster/build/gateways.ts";
import { TLS_DIR } from "../../operator/src/cluster/build/haproxy-config.ts";
import { anyName, anyNamespace, anySpec, clusterOf } from "../../operator/src/cluster/testing/any-spec.ts";
import { makeCertificate } from "../services/certificate.ts";
import { startContainer } from "../services/container.ts";
import { ownedFolder, removeFolder } from "../services/folders.ts";
import { writeSecret } from "./haproxy.ts";

// The first run on a machine builds the images.
jest.setTimeout(300_000);

const CLUSTERS = 60;
const anyCluster = fc
  .tuple(anySpec, anyName, anyNamespace)
  .map(([spec, name, namespace]) => clusterOf(spec, name, namespace));

/** keepalived asks whether interfaces exist, and takes no loopback. */
function anInterface(): string {
  const all = Object.entries(networkInterfaces());
  const found = all.find(([, addresses = []]) => addresses.some(({ internal }) => !internal));
  if (found === undefined) throw new Error("this machine has no network interface but the loopback");
  return found[0];
}

/** The files of this name that gateways of any clusters have. */
function filesOf(name: string): readonly string[] {
  const gateways = fc.sample(anyCluster, CLUSTERS).flatMap((cluster) => gatewaysOf(cluster));
  return [...new Set(gateways.flatMap((gateway) => gatewayFiles(gateway)[name] ?? []))];
}

/** Has a command judge files, each by its path in $file; expects it to find all well and to say nothing. */
async function allAreWell(image: "haproxy" | "keepalived", files: readonly string[], command: string): Promise<void> {
  expect(files.length).toBeGreaterThan(CLUSTERS / 4);
  const [configs, state, tls] = [await ownedFolder(), await ownedFolder(), await ownedFolder()];
  try {
    await writeSecret(tls, await makeCertificate("boxes.example"));
    for (const [index, file] of files.entries()) await writeFile(join(configs, `${index}.conf`), file);
    const script = `for file in /configs/*.conf; do ${command} || { cat "$file"; exit 1; }; done`;
    const mounts = { [configs]: "/configs", [state]: `/run/${image}`, [tls]: TLS_DIR };
    const container = await startContainer({
      image,
      command: ["bash", "-c", script],
      environment: {
        POD_NAME: "a-0",
        ENTRANCE_PORT: "6060",
        HEALTH_PORT: "8404",
        VIRTUAL_ENTRANCE: "192.0.2.1:6060",
        VIRTUAL_HEALTH: "[2001:db8::1]:8404",
      },
      mounts,
    });
    expect({ code: await container.exited, log: container.log() }).toEqual({ code: 0, log: "" });
  } finally {
    await removeFolder(configs);
    await removeFolder(state);
    await removeFolder(tls);
  }
}

test("haproxy takes the configuration of any legal gateway, without a warning", async () => {
  // -dW: a warning is an error.
  await allAreWell("haproxy", filesOf("haproxy.cfg"), 'haproxy -dW -c -q -f "$file"');
});

test("keepalived takes the configuration of any legal gateway, without a warning, whichever candidate it is", async () => {
  const peers = "printf 'unicast_src_ip %s\\nunicast_peer {\\n%s\\n}\\n' $addresses > /run/keepalived/peers.conf";
  const name = "name=$(sed -n 's/.*@\\(.*\\)-0 priority.*/\\1/p' \"$file\")";
  const addresses =
    "addresses='192.0.2.1 192.0.2.2'; if grep -q '/128 ' \"$file\"; then addresses='2001:db8::1 2001:db8::2'; fi";
  const judge = 'keepalived --config-test --vrrp --use-file="$file" --config-id="$name-1"';
  const files = filesOf("keepalived.conf").map((file) =>
    file.replaceAll(/(interface|dev) [\w.-]+$/gm, `$1 ${anInterface()}`),
  );
  await allAreWell("keepalived", files, `{ ${addresses}; ${peers}; ${name}; ${judge}; }`);
});
