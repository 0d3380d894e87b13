import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Gateway } from "../../operator/src/cluster/build/gateways.ts";
import { haproxyConfig } from "../../operator/src/cluster/build/haproxy-config.ts";
import { type Container, startContainer } from "../services/container.ts";
import { ownedFolder, removeFolder } from "../services/folders.ts";
import { freePorts } from "../services/ports.ts";

/** A gateway's HAProxy on this machine, before the given servers instead of those that DNS would give. */
export interface RunningGateway extends AsyncDisposable {
  readonly port: number;
  readonly container: Container;
  /** What it answers at a path of its own. */
  own(path: string): Promise<{ readonly status: number; readonly text: string }>;
}

/** Starts HAProxy of the image with a gateway's configuration, but for its ports and servers. */
export async function startGateway(gateway: Gateway, servers: readonly number[]): Promise<RunningGateway> {
  const [port = 0, healthPort = 0] = await freePorts(2);
  const lines = servers.map((server, index) => `  server server${index + 1} 127.0.0.1:${server}`);
  const config = haproxyConfig({ ...gateway, entrancePort: port, healthPort }).replace(
    /^ {2}server-template .*$/m,
    lines.join("\n"),
  );
  const folder = await ownedFolder();
  await writeFile(join(folder, "haproxy.cfg"), config);
  const container = await startContainer({ image: "haproxy", mounts: { [folder]: "/etc/haproxy" } });
  const own = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${healthPort}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  await container.until("answers", () => own("/livez"));
  return {
    port,
    container,
    own,
    [Symbol.asyncDispose]: async () => {
      await container.stop();
      await removeFolder(folder);
    },
  };
}
