import { existsSync } from "node:fs";
import { copyFile, link, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ensureInstalled } from "../../lib/packages.ts";
import { builtTool, type ToolName } from "../tools.ts";
import { type BaseImage, baseImage } from "./base-image.ts";
import { statePath } from "./layout.ts";

/** Debian's folder of the CNI plugins, then the one everybody else uses. */
const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"] as const;
const ON_THE_MACHINE: readonly ToolName[] = ["kubernetes", "etcd"];

/** Installs what comes from the distribution. */
export async function ensurePackages(): Promise<void> {
  await ensureInstalled({
    containerd: "containerd",
    runc: "runc",
    iptables: "iptables",
    nft: "nftables",
    conntrack: "conntrack",
    openssl: "openssl",
    ip: "iproute2",
    [join(cniFolder(), "bridge")]: "containernetworking-plugins",
  });
}

/** The folder that holds the CNI plugins; Debian's when they are not installed. */
export function cniFolder(): string {
  return CNI_FOLDERS.find((folder) => existsSync(join(folder, "bridge"))) ?? CNI_FOLDERS[0];
}

/** Builds everything that comes as source, and from some of it the image of the cluster's own pods. */
export async function buildPrograms(): Promise<BaseImage> {
  const kubernetes = await builtTool("kubernetes");
  await builtTool("etcd");
  const node = await builtTool("node");
  const localPath = await builtTool("local-path");
  return baseImage([
    join(node, "pause"),
    join(node, "local-volume"),
    join(kubernetes, "coredns"),
    join(localPath, "local-path-provisioner"),
  ]);
}

/** Puts the built programs into the state folder, where every node sees them. */
export async function installPrograms(): Promise<void> {
  await mkdir(statePath("bin"), { recursive: true });
  for (const tool of ON_THE_MACHINE) {
    const dir = await builtTool(tool);
    for (const name of await readdir(dir)) {
      const target = statePath("bin", name);
      await rm(target, { force: true });
      await link(join(dir, name), target).catch(() => copyFile(join(dir, name), target));
    }
  }
}
