import { writeFile } from "node:fs/promises";
import { openApiDocument } from "./openapi.ts";

export const DOCUMENT = new URL("../../../docs/node-openapi.json", import.meta.url);

/** The document as it is committed. */
export const documentText = (): string => `${JSON.stringify(openApiDocument(), null, 2)}\n`;

if (import.meta.main) await writeFile(DOCUMENT, documentText());
