import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { auditPolicy } from "../audit.ts";
import { statePath } from "./layout.ts";

export function auditPolicyFile(): string {
  return statePath("audit-policy.json");
}

/** The file that the API server writes to; full ones lie beside it, in a folder of their own. */
export function auditLogFile(): string {
  return statePath("logs", "audit", "audit.log");
}

export async function writeAuditPolicy(): Promise<void> {
  await writeFile(auditPolicyFile(), JSON.stringify(auditPolicy(), null, 2));
}

/** The text of the audit log, oldest line first. */
export async function readAuditLog(): Promise<string> {
  const folder = dirname(auditLogFile());
  // The full files' names go on with their date, and so come first.
  const files = (await readdir(folder)).sort();
  return (await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")))).join("");
}
