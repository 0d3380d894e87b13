import { Problem } from "@aaa-cluster/service-kit";
import { allOf, changesOf, chunksOf, type Line, linesOf, noLines } from "./bulk-lines.ts";
import type { Write, Written } from "./store.ts";

/** What was done with a request, or with one chunk of it. */
export interface BulkAnswer {
  readonly accepted: number;
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
  /** The sequence number of the last event. */
  readonly sequence: string;
}

/** One line of the answer to a request that is committed in chunks. All lines up to and with `through` are applied. */
export type ChunkAnswer = BulkAnswer & { readonly through: number };

/** The last line of such an answer. Without it the connection broke, and more may be applied than the answer says. */
export interface ChunksEnd {
  readonly complete: boolean;
  readonly through: number;
  readonly accepted: number;
  readonly sequence: string | null;
  /** The line from which the rest is to be sent again, and why; only when not complete. */
  readonly sendAgainFrom?: number;
  readonly problem?: object;
}

export interface BulkWrite {
  /** What makes these lines the same ones when they are sent again. */
  readonly text: string;
  /** The number of the chunk from 0; 0 for all lines at once. */
  readonly part: number;
  readonly prepare: () => Promise<readonly Write[]>;
  readonly answer: (written: Written) => BulkAnswer;
}

type Commit = (write: BulkWrite) => Promise<BulkAnswer>;

/** Commits all lines of a body, or none. Throws Problem. */
export async function commitAll(body: AsyncIterable<Uint8Array>, commit: Commit): Promise<BulkAnswer> {
  return commit(writeOf(await allOf(linesOf(body)), 0));
}

/**
 * Commits the lines of a body of any length chunk by chunk, and ends at the first chunk that cannot be applied. Memory
 * stays at one chunk. Never throws.
 * @param stopping whether no other chunk may be begun
 * @param problemWith what to tell the caller of an error
 */
export async function* commitInChunks(
  body: AsyncIterable<Uint8Array>,
  commit: Commit,
  stopping: () => boolean,
  problemWith: (error: unknown) => Problem,
): AsyncGenerator<ChunkAnswer | ChunksEnd> {
  let part = 0;
  let through = 0;
  let accepted = 0;
  let sequence: string | null = null;
  try {
    for await (const lines of chunksOf(linesOf(body))) {
      if (stopping()) throw new Problem(503, "stopping", "this replica is being stopped; another one takes the rest");
      const answer = await commit(writeOf(lines, part));
      part += 1;
      through = lines.at(-1)?.number ?? through;
      accepted += answer.accepted;
      sequence = answer.sequence;
      yield { through, ...answer };
    }
    if (part === 0) throw noLines();
    yield { complete: true, through, accepted, sequence };
  } catch (error) {
    const problem = problemWith(error);
    yield { complete: false, through, accepted, sequence, sendAgainFrom: through + 1, problem: problem.toJSON() };
  }
}

function writeOf(lines: readonly Line[], part: number): BulkWrite {
  return {
    text: lines.map(({ text }) => text).join("\n"),
    part,
    prepare: async () =>
      (await changesOf(lines, new Date())).map((change) => ({ ...change, decide: () => change.payload })),
    answer: ({ events, sequence }) => {
      const deleted = events.filter(({ payload }) => payload === null).length;
      const created = events.filter(({ eventType }) => eventType.endsWith("CreateEvent")).length;
      return { accepted: events.length, created, changed: events.length - created - deleted, deleted, sequence };
    },
  };
}
