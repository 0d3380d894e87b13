import type { Readable } from "node:stream";
import { ContentError } from "./error.ts";

/** Lines, each with the break taken off, and what to call them in an error. */
export interface Source {
  readonly name: string;
  readonly lines: AsyncIterable<string>;
}

/**
 * Merges sources whose lines are in the order of their bytes into one in that order; a line that comes again is dropped.
 * It holds one line of each. Throws ContentError when a source is not in order.
 */
export async function* mergeLines(sources: readonly Source[]): AsyncGenerator<string> {
  const heads = await Promise.all(sources.map(firstOf));
  let last: string | undefined;
  for (;;) {
    let lowest: Head | undefined;
    for (const head of heads) {
      if (head.line !== undefined && (lowest?.line === undefined || head.line < lowest.line)) lowest = head;
    }
    if (lowest?.line === undefined) return;
    if (lowest.line !== last) yield lowest.line;
    last = lowest.line;
    await advance(lowest);
  }
}

interface Head {
  readonly source: string;
  readonly rest: AsyncIterator<string>;
  /** Undefined after the last one. */
  line: string | undefined;
}

async function firstOf({ name, lines }: Source): Promise<Head> {
  const head: Head = { source: name, rest: lines[Symbol.asyncIterator](), line: "" };
  await advance(head);
  return head;
}

async function advance(head: Head): Promise<void> {
  const { done, value } = await head.rest.next();
  if (done !== true && head.line !== undefined && value < head.line) {
    const advice = "give each reading as a file of its own, or pass all of them through LC_ALL=C sort";
    throw new ContentError(`the lines of ${head.source} are not in order: ${advice}`);
  }
  head.line = done === true ? undefined : value;
}

/** The lines of a text, without empty ones. */
export async function* linesOf(text: Readable): AsyncGenerator<string> {
  let begun = "";
  for await (const chunk of text.setEncoding("utf8")) {
    const lines = `${begun}${chunk}`.split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield line;
  }
  if (begun !== "") yield begun;
}
