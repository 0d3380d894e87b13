import { Problem } from "@aaa-cluster/service-kit";
import { type Change, keyOf } from "./change.ts";
import { lineToChange } from "./inputs.ts";

/** The longest line, in UTF-16 code units; the largest entity is smaller. */
export const LINE_LENGTH = 2 * 1024 * 1024;
/** A chunk has no more lines than this. */
export const CHUNK_LINES = 1_000;
/** A chunk of more than one line is no longer than this, in UTF-16 code units. */
export const CHUNK_LENGTH = 4 * 1024 * 1024;
/** A request that is committed all at once has no more lines than this, and no more UTF-16 code units. */
export const BULK_LINES = 10_000;
export const BULK_LENGTH = 16 * 1024 * 1024;
const ERRORS_SHOWN = 100;

/** A line of a bulk request that is not blank. Lines are numbered from 1, blank ones too. */
export interface Line {
  readonly number: number;
  readonly text: string;
  /** What is written there; undefined when that is no JSON. */
  readonly value: unknown;
}

/** Reads the lines of a body of any length as they come, and holds one at a time. Throws Problem. */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let number = 0;
  let rest = "";
  for await (const text of textOf(body)) {
    const [first = "", ...others] = text.split("\n");
    rest += first;
    for (const next of others) {
      yield* lineOf(++number, rest);
      rest = next;
    }
    if (rest.length > LINE_LENGTH) throw tooLong(number + 1);
  }
  yield* lineOf(number + 1, rest);
}

async function* textOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw new Problem(400, "not-utf-8", "the request is not UTF-8; encode it so");
    }
  };
  for await (const bytes of untilBrokenOff(body)) yield decode(bytes);
  yield decode();
}

async function* untilBrokenOff(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    throw new Problem(400, "incomplete-request", "the request broke off; send it whole");
  }
}

function* lineOf(number: number, text: string): Generator<Line> {
  if (text.length > LINE_LENGTH) throw tooLong(number);
  if (text.trim() !== "") yield { number, text, value: parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const tooLong = (number: number): Problem =>
  new Problem(
    413,
    "line-too-long",
    `line ${number} is longer than ${LINE_LENGTH} characters; is a line break missing?`,
  );

/** All lines of a request that is to be committed at once. Throws Problem 413 when there are too many. */
export async function allOf(lines: AsyncIterable<Line>): Promise<Line[]> {
  const all: Line[] = [];
  let length = 0;
  for await (const line of lines) {
    all.push(line);
    length += line.text.length;
    if (all.length <= BULK_LINES && length <= BULK_LENGTH) continue;
    throw new Problem(
      413,
      "too-many-lines",
      `at most ${BULK_LINES} lines and ${BULK_LENGTH / 1024 / 1024} MiB are committed at once, nothing was applied; ` +
        "send less, or ask for chunks with accept: application/x-ndjson",
    );
  }
  if (all.length === 0) throw noLines();
  return all;
}

export const noLines = (): Problem => new Problem(400, "empty-request", "the request has no lines");

/**
 * Puts lines into the chunks that are committed one after the other. Equal lines make equal chunks, however they come.
 * A chunk ends early before a line about an entity that it has already, and when it would become too long.
 */
export async function* chunksOf(lines: AsyncIterable<Line>): AsyncGenerator<Line[]> {
  let chunk: Line[] = [];
  let length = 0;
  let keys = new Set<string>();
  for await (const line of lines) {
    const key = keyIn(line);
    const full = chunk.length === CHUNK_LINES || length + line.text.length > CHUNK_LENGTH;
    if (chunk.length > 0 && (full || keys.has(key))) {
      yield chunk;
      chunk = [];
      length = 0;
      keys = new Set();
    }
    chunk.push(line);
    length += line.text.length;
    keys.add(key);
  }
  if (chunk.length > 0) yield chunk;
}

/** What a line is about. Lines that do not say so are all about different things. */
function keyIn({ number, value }: Line): string {
  const { entity, id } = Object(value);
  return typeof entity === "string" && typeof id === "string" ? `${entity}/${id}` : `${number}`;
}

/** Lines as changes. Throws one Problem with every line that is wrong. */
export async function changesOf(lines: readonly Line[], now: Date): Promise<Change[]> {
  const read = await Promise.all(lines.map(async (line) => ({ ...line, ...(await readLine(line.value, now)) })));
  const firstLine = new Map<string, number>();
  const changes: Change[] = [];
  const errors: string[] = [];
  for (const { number, change, error } of read) {
    if (change === null) {
      errors.push(`line ${number}: ${error}`);
      continue;
    }
    const earlier = firstLine.get(keyOf(change));
    if (earlier !== undefined) errors.push(`line ${number}: ${keyOf(change)} is on line ${earlier} too; send it once`);
    firstLine.set(keyOf(change), number);
    changes.push(change);
  }
  if (errors.length === 0) return changes;
  throw new Problem(
    400,
    "invalid-lines",
    `${errors.length} of ${lines.length} lines are wrong; none of them was applied`,
    errors.slice(0, ERRORS_SHOWN),
  );
}

type ReadLine = { readonly change: Change; readonly error: null } | { readonly change: null; readonly error: string };

async function readLine(value: unknown, now: Date): Promise<ReadLine> {
  try {
    return { change: await lineToChange(value, now), error: null };
  } catch (error) {
    if (error instanceof Problem) return { change: null, error: error.errors.join("; ") };
    throw error;
  }
}
