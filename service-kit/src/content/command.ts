import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { sqlState } from "../database.ts";
import { databaseSettings } from "../database-settings.ts";
import { type RunningService, runService } from "../run.ts";
import { type Env, required } from "../settings.ts";
import { compareContent } from "./compare.ts";
import { ContentError } from "./error.ts";
import { ALL, isBucket } from "./lines.ts";
import { linesOf, mergeLines } from "./merge.ts";
import { readContent } from "./read.ts";
import { reportOf, type Verdict } from "./report.ts";

const EXIT = { same: 0, different: 1, unusable: 2, undecided: 3 } as const satisfies Record<
  Verdict | "unusable",
  number
>;

const UNDEFINED_TABLE = "42P01";

const USAGE = "write nothing to run the service, content [--bucket 0a,ff|all], or compare <file>...";

/** A service as a program: what it runs, and whose content it has. */
export interface Program {
  readonly start: (env: Env) => Promise<RunningService>;
  /** The variable of the environment with the name of this instance. */
  readonly nameVariable: string;
  /** A statement that gives `epoch` and `sequence` of the content of its database. */
  readonly place: string;
}

/** Runs what the command line of this process says; the exit status tells how it went. */
export async function runProgram(program: Program): Promise<void> {
  const [command, ...args] = process.argv.slice(2);
  if (command === undefined) return runService(() => program.start(process.env), process.env);
  try {
    process.exitCode = EXIT[await run(program, command, args)];
  } catch (error) {
    // Whoever reads the output has seen enough of it.
    if (Object(error).code === "EPIPE") return;
    process.stderr.write(`error: ${wordsOf(error)}\n`);
    process.exitCode = EXIT.unusable;
  }
}

async function run(program: Program, command: string, args: readonly string[]): Promise<Verdict> {
  switch (command) {
    case "content":
      await printContent(program, process.env, args);
      return "same";
    case "compare":
      return compareFiles(args);
    default:
      throw new ContentError(`there is no command "${command}"; ${USAGE}`);
  }
}

async function printContent({ nameVariable, place }: Program, env: Env, args: readonly string[]): Promise<void> {
  const { bucket } = parse(args, { bucket: { type: "string", multiple: true } }).values;
  const buckets = bucketsOf(bucket as string[] | undefined);
  const lines = readContent({
    database: databaseSettings(env),
    name: required(env, nameVariable, "the name to tell this reading from others by"),
    place,
    buckets,
  });
  await pipeline(Readable.from(inPieces(lines), { objectMode: false }), process.stdout, { end: false });
}

/** Text of many lines, since a piece of output costs the same however short. */
async function* inPieces(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = "";
  for await (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < 65_536) continue;
    yield piece;
    piece = "";
  }
  yield piece;
}

function bucketsOf(values: readonly string[] = []): readonly string[] | typeof ALL {
  const names = values.flatMap((value) => value.split(","));
  if (names.includes(ALL)) return ALL;
  const wrong = names.find((name) => !isBucket(name));
  if (wrong === undefined) return names;
  throw new ContentError(`write a bucket as two hexadecimal digits, 00 to ff, or all; not "${wrong}"`);
}

async function compareFiles(args: readonly string[]): Promise<Verdict> {
  const files = parse(args, {}).positionals;
  if (files.length === 0) throw new ContentError(`name the files that content was written to, or - for standard input`);
  const sources = files.map((name) => ({
    name,
    lines: linesOf(name === "-" ? process.stdin : createReadStream(name)),
  }));
  const { verdict, lines } = reportOf(await compareContent(mergeLines(sources)));
  process.stdout.write(`${lines.join("\n")}\n`);
  return verdict;
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

function parse(args: readonly string[], options: Options) {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true });
    if (parsed.positionals.length > 0 && "bucket" in options) {
      throw new Error(`"${parsed.positionals[0]}" is nothing that content takes`);
    }
    return parsed;
  } catch (error) {
    throw new ContentError(`${String(Object(error).message)}; ${USAGE}`, { cause: error });
  }
}

function wordsOf(error: unknown): string {
  if (sqlState(error) === UNDEFINED_TABLE)
    return "this database has no content yet: the service makes it when it starts";
  return Object(error).message || String(error);
}
