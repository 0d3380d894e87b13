import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UserError } from "./errors.ts";
import { run } from "./run.ts";
import { step } from "./steps.ts";

const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The path of a command, looked for in PATH and the system folders; null when it is not installed. */
export function findCommand(name: string): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  for (const folder of folders) if (existsSync(join(folder, name))) return join(folder, name);
  return null;
}

/**
 * Makes sure that commands (or files, by absolute path) exist, installing the Debian packages that hold them.
 * @param wanted command name or absolute path -> Debian package
 */
export async function ensureInstalled(wanted: Readonly<Record<string, string>>): Promise<void> {
  const isThere = (name: string): boolean => (name.startsWith("/") ? existsSync(name) : findCommand(name) !== null);
  const missing = Object.keys(wanted).filter((name) => !isThere(name));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => wanted[name] as string))];
  if (process.getuid?.() !== 0 || findCommand("apt-get") === null) {
    throw new UserError(
      `missing on this machine: ${missing.join(", ")}`,
      `install the packages ${packages.join(" ")} (Debian names), or run as root on Debian, where they are installed for you`,
    );
  }
  await step(`Debian packages ${packages.join(" ")}`, async () => {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await run("apt-get", ["update", "-qq"], { env });
    await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env });
  });
}
