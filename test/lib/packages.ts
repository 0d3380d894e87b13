import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UserError } from "./errors.ts";
import { withLock } from "./lock.ts";
import { CommandError, run } from "./run.ts";
import { step } from "./steps.ts";

/** A mirror that does not answer is noticed within seconds. */
const IMPATIENT = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10", "-o", "Acquire::https::Timeout=10"];
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
  if (missingOf(wanted).length === 0) return;
  // apt-get refuses to run twice at the same time.
  await withLock("packages", () => install(wanted));
}

async function install(wanted: Readonly<Record<string, string>>): Promise<void> {
  const missing = missingOf(wanted);
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
    try {
      await run("apt-get", ["update", "-qq", ...IMPATIENT], { env });
      await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...IMPATIENT, ...packages], { env });
    } catch (cause) {
      const said = cause instanceof CommandError ? cause.stderr.trim().split("\n")[0] : String(cause);
      const remedy = `check that 'apt-get update' and 'apt-get install ${packages.join(" ")}' work on this machine`;
      throw new UserError(`apt-get could not install what is missing: ${said}`, remedy, { cause });
    }
  });
}

function missingOf(wanted: Readonly<Record<string, string>>): string[] {
  const isThere = (name: string): boolean => (name.startsWith("/") ? existsSync(name) : findCommand(name) !== null);
  return Object.keys(wanted).filter((name) => !isThere(name));
}
