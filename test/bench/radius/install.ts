import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { UserError } from "../../lib/errors.ts";
import { ensureInstalled } from "../../lib/packages.ts";

const WANTED = {
  freeradius: "freeradius",
  "/usr/lib/freeradius/rlm_sql_postgresql.so": "freeradius-postgresql",
};
const POLICY = "/usr/sbin/policy-rc.d";
const NOTHING_STARTS = "#!/bin/sh\nexit 101\n";

/** Makes sure that FreeRADIUS and its driver for PostgreSQL are there; the service of Debian's package never starts. */
export async function ensureFreeradius(): Promise<void> {
  if (process.getuid?.() !== 0) throw new UserError("FreeRADIUS is run as its own user here", "run this as root");
  // Debian's tools ask this file before they start a service.
  const ours = !existsSync(POLICY);
  if (ours) await writeFile(POLICY, NOTHING_STARTS, { mode: 0o755 });
  try {
    await ensureInstalled(WANTED);
  } finally {
    if (ours) await rm(POLICY);
  }
}
