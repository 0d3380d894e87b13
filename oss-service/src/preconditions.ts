import type { IncomingHttpHeaders } from "node:http";
import { Problem } from "@aaa-cluster/service-kit";
import { keyOf, type Reference, type Stored } from "./change.ts";

/** Entity tags as they are written, for example `"7"`; `*` stands for whatever there is. */
type EntityTags = "*" | readonly string[];

/** What must hold for a request to be carried out (RFC 9110 section 13); null asks for nothing. */
export interface Preconditions {
  readonly ifMatch: EntityTags | null;
  readonly ifNoneMatch: EntityTags | null;
}

const ENTITY_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
const ENTITY_TAGS = new RegExp(`^${ENTITY_TAG.source}(?:\\s*,\\s*${ENTITY_TAG.source})*$`);

/** The entity tag of a version. A version never comes back, so it stands for one state for ever. */
export const etagOf = (version: bigint | string): string => `"${version}"`;

/** Reads `If-Match` and `If-None-Match`. Throws Problem 400 that says what to write. */
export function preconditionsOf(headers: IncomingHttpHeaders): Preconditions {
  return {
    ifMatch: entityTagsOf("If-Match", headers["if-match"]),
    ifNoneMatch: entityTagsOf("If-None-Match", headers["if-none-match"]),
  };
}

function entityTagsOf(name: string, value: string | undefined): EntityTags | null {
  if (value === undefined) return null;
  if (value === "*") return "*";
  if (ENTITY_TAGS.test(value)) return value.match(ENTITY_TAG) ?? [];
  throw new Problem(
    400,
    "invalid-header",
    `${name} must be * or versions in double quotes as ETag gives them, for example ${name}: "7"`,
  );
}

/** Throws Problem 412, with the version there is and those that were named, unless the entity is as it must be. */
export function checkPreconditions({ ifMatch, ifNoneMatch }: Preconditions, of: Reference, stored: Stored): void {
  const current = currentTag(stored);
  if (ifMatch !== null && (current === null || (ifMatch !== "*" && !ifMatch.includes(current)))) {
    throw new Problem(412, "precondition-failed", describeMismatch(ifMatch, of, current));
  }
  if (current !== null && matchesWeakly(ifNoneMatch, current)) {
    const advice = `send If-Match: ${current} to change that version`;
    throw new Problem(412, "precondition-failed", `${keyOf(of)} is there, at version ${current}; ${advice}`);
  }
}

/** Whether a caller that sends these already has the entity as it is. */
export function isNotModified({ ifNoneMatch }: Preconditions, stored: Stored): boolean {
  const current = currentTag(stored);
  return current !== null && matchesWeakly(ifNoneMatch, current);
}

const currentTag = ({ version, payload }: Stored): string | null => (payload === null ? null : etagOf(version));

function matchesWeakly(tags: EntityTags | null, current: string): boolean {
  return tags === "*" || (tags ?? []).some((tag) => tag.replace(/^W\//, "") === current);
}

function describeMismatch(ifMatch: EntityTags, of: Reference, current: string | null): string {
  const named = `If-Match names ${ifMatch === "*" ? "*" : ifMatch.join(", ")}`;
  if (current === null) return `there is no ${keyOf(of)}, and ${named}; send If-None-Match: * to create it`;
  const advice = `read it again, and send If-Match: ${current} if the change is still right`;
  return `${keyOf(of)} is at version ${current}, and ${named}; ${advice}`;
}
