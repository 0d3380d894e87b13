import { chmod, mkdtemp, rename, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Gateway } from "../../operator/src/cluster/build/gateways.ts";
import { haproxyConfig, haproxyEnvironment, TLS_DIR } from "../../operator/src/cluster/build/haproxy-config.ts";
import type { ServerCertificate } from "../services/certificate.ts";
import { type Container, startContainer } from "../services/container.ts";
import { ownedFolder, removeFolder } from "../services/folders.ts";
import { freePorts } from "../services/ports.ts";
import type { NameServer } from "./dns.ts";

/** A gateway's HAProxy on this machine, before the given servers. */
export interface RunningGateway extends AsyncDisposable {
  readonly port: number;
  readonly container: Container;
  /** What it answers at a path of its own. */
  own(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** Writes another configuration as Kubernetes does, at one stroke: this gateway's, or any text. */
  configure(gateway: Gateway | string): Promise<void>;
  /** Gives it another certificate, as Kubernetes does. */
  renew(certificate: ServerCertificate): Promise<void>;
}

/** Ports of this machine, in place of what DNS would give; or who is asked in place of the DNS of Kubernetes. */
type Servers = readonly number[] | NameServer;

/** Starts HAProxy of the image with a gateway's configuration, but for its ports and servers. */
export async function startGateway(
  gateway: Gateway,
  servers: Servers,
  certificate?: ServerCertificate,
): Promise<RunningGateway> {
  const [port = 0, healthPort = 0] = await freePorts(2);
  const [etc, run, tls] = [await ownedFolder(), await ownedFolder(), await ownedFolder()];
  const configure = async (another: Gateway | string): Promise<void> => {
    const config = typeof another === "string" ? another : haproxyConfig(another);
    await writeFile(join(etc, "haproxy.new"), before(servers, config));
    await rename(join(etc, "haproxy.new"), join(etc, "haproxy.cfg"));
  };
  await configure(gateway);
  if (certificate !== undefined) await writeSecret(tls, certificate);
  const container = await startContainer({
    image: "haproxy",
    environment: haproxyEnvironment({ ...gateway, entrancePort: port, healthPort }),
    mounts: { [etc]: "/etc/haproxy", [run]: "/run/haproxy", [tls]: TLS_DIR },
  });
  const own = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${healthPort}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  await container.until("answers", () => own("/livez"));
  return {
    port,
    container,
    own,
    configure,
    renew: (another) => writeSecret(tls, another),
    [Symbol.asyncDispose]: async () => {
      await container.stop();
      await removeFolder(etc);
      await removeFolder(run);
      await removeFolder(tls);
    },
  };
}

function before(servers: Servers, config: string): string {
  if ("port" in servers) return config.replace("parse-resolv-conf", `nameserver test 127.0.0.1:${servers.port}`);
  const lines = servers.map((server, index) => `  server server${index + 1} 127.0.0.1:${server}`);
  return config.replace(/^ {2}server-template .*$/m, lines.join("\n"));
}

/** Writes both files as the kubelet does: what they are links to changes at one stroke. */
export async function writeSecret(folder: string, { certificate, key }: ServerCertificate): Promise<void> {
  const version = await mkdtemp(join(folder, "..version-"));
  await chmod(version, 0o755);
  await writeFile(join(version, "tls.crt"), certificate);
  await writeFile(join(version, "tls.key"), key);
  await symlink(basename(version), join(folder, "..new"));
  await rename(join(folder, "..new"), join(folder, "..data"));
  for (const file of ["tls.crt", "tls.key"]) {
    await symlink(join("..data", file), join(folder, file)).catch((error) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
