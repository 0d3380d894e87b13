import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { asyncapi } from "./asyncapi.ts";

export const ASYNCAPI_FILE = new URL("../../docs/asyncapi.json", import.meta.url);

/** What `docs/asyncapi.json` must be. */
export function asyncapiText(): string {
  return `${JSON.stringify(asyncapi(), undefined, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(ASYNCAPI_FILE, asyncapiText());
