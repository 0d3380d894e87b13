import { Readable } from "node:stream";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { compareContent } from "./compare.ts";
import { judgeEntity } from "./judge.ts";
import {
  ALL,
  bucketOf,
  formatAt,
  formatBucket,
  formatEntity,
  NONE,
  parseLine,
  type Reading,
  readingKey,
  type State,
} from "./lines.ts";
import { linesOf, mergeLines } from "./merge.ts";
import { reportOf } from "./report.ts";

const hex16 = (value: number): string => value.toString(16).padStart(16, "0");

const readingAt = (name: string, sequence: number, digest = 0): Reading => ({
  key: readingKey(name, String(sequence), hex16(digest)),
  name,
  sequence: BigInt(sequence),
  digest: hex16(digest),
  epoch: "1",
  coverage: ALL,
  entities: 0,
});

/** What a reading has of an entity: a version, whose digest follows from it unless it is given; absent when undefined. */
type Has = { readonly version: number; readonly digest?: string | null } | undefined;

const stateOf = (has: Exclude<Has, undefined>): State => ({
  version: BigInt(has.version),
  digest: has.digest === undefined ? hex16(has.version) : has.digest,
});

function judged(...found: readonly (readonly [number, Has])[]): string {
  const readings = found.map(([sequence], index) => readingAt(`node-${index}`, sequence));
  const states = found.flatMap(([, has], index) =>
    has === undefined ? [] : [[readings[index]?.key ?? "", stateOf(has)] as const],
  );
  return judgeEntity(readings, new Map(states));
}

const live = (version: number): Has => ({ version });
const deleted = (version: number): Has => ({ version, digest: null });
const other = (version: number): Has => ({ version, digest: hex16(99) });
const absent = undefined;

test.each<[string, string, readonly (readonly [number, Has])[]]>([
  [
    "same",
    "one version at one place",
    [
      [5, live(3)],
      [5, live(3)],
    ],
  ],
  [
    "same",
    "one version at two places",
    [
      [5, live(3)],
      [9, live(3)],
    ],
  ],
  [
    "same",
    "deleted, and absent as after a snapshot",
    [
      [5, deleted(3)],
      [5, absent],
    ],
  ],
  [
    "changed",
    "a newer version at a later place",
    [
      [5, live(3)],
      [9, live(4)],
    ],
  ],
  [
    "changed",
    "created in between",
    [
      [5, absent],
      [9, live(1)],
    ],
  ],
  [
    "unclear",
    "deleted in between, or lost",
    [
      [5, live(3)],
      [9, absent],
    ],
  ],
  [
    "changed",
    "deleted in between and made again",
    [
      [5, live(3)],
      [7, absent],
      [9, live(5)],
    ],
  ],
  [
    "different",
    "another content of one version",
    [
      [5, live(3)],
      [5, other(3)],
    ],
  ],
  [
    "different",
    "another content of one version at a later place",
    [
      [5, live(3)],
      [9, other(3)],
    ],
  ],
  [
    "different",
    "two versions at one place",
    [
      [5, live(3)],
      [5, live(4)],
    ],
  ],
  [
    "different",
    "absent where it is",
    [
      [5, live(3)],
      [5, absent],
    ],
  ],
  [
    "different",
    "an older version at a later place",
    [
      [5, live(4)],
      [9, live(3)],
    ],
  ],
  [
    "different",
    "more changes than places",
    [
      [5, live(3)],
      [6, live(5)],
    ],
  ],
  [
    "different",
    "deleted and not deleted at one version",
    [
      [5, live(3)],
      [9, deleted(3)],
    ],
  ],
  [
    "different",
    "absent between two places with one version",
    [
      [5, live(3)],
      [7, absent],
      [9, live(3)],
    ],
  ],
  [
    "different",
    "absent between two versions with no place for a deletion",
    [
      [5, live(3)],
      [7, absent],
      [9, live(4)],
    ],
  ],
])("%s: %s", (judgement, _, found) => {
  expect(judged(...found)).toBe(judgement);
});

/** What happens to one entity, one item for each place of the stream: null is something else. */
const history = fc.array(fc.constantFrom("write", "delete", null), { minLength: 1, maxLength: 30 });

/** What a database has of the entity after each place, which forgets deleted ones when `forgets` is true. */
function statesAfter(events: readonly ("write" | "delete" | null)[], forgets: boolean): Has[] {
  let has: Has = absent;
  let version = 0;
  return events.map((event) => {
    const exists = has !== undefined && has.digest !== null;
    if (event === "write") has = live(++version);
    if (event === "delete" && exists) has = deleted(++version);
    return forgets && has?.digest === null ? absent : has;
  });
}

test("readings of one history never differ, wherever they are taken and whoever forgets what was deleted", () => {
  const places = fc.array(fc.tuple(fc.nat(), fc.boolean()), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(history, places, (events, taken) => {
      const found = taken
        .map(([place, forgets]): [number, Has] => {
          const index = place % events.length;
          return [index, statesAfter(events, forgets)[index]];
        })
        .sort(([a], [b]) => a - b);
      expect(judged(...found)).not.toBe("different");
    }),
    { numRuns: 2_000 },
  );
});

test("a node that missed the last change of an entity is found when another is read before it and after it", () => {
  fc.assert(
    fc.property(history, fc.nat(20), (events, quiet) => {
      const last = events.findLastIndex((event) => event !== null);
      const states = statesAfter(events, false);
      fc.pre(last > 0 && JSON.stringify(states[last]) !== JSON.stringify(states[last - 1]));
      const now = states[last];
      const stale = states[last - 1];
      // Where nothing can be seen of it: it was absent, and deleted is absent.
      fc.pre(!(now?.digest === null && stale === undefined));
      expect(judged([last, now], [last + quiet, stale], [last + quiet + 1, now])).toBe("different");
    }),
    { numRuns: 2_000 },
  );
});

/** The lines of a reading, in order. */
function contentOf(name: string, sequence: number, entities: Readonly<Record<string, Has>>, coverage = ALL): string[] {
  const states = Object.entries(entities).flatMap(([id, has]) =>
    has === undefined ? [] : [[id, stateOf(has)] as const],
  );
  const digests = new Map<string, bigint>();
  for (const [id, { digest }] of states) {
    const bucket = bucketOf("Subscriber", id);
    digests.set(bucket, (digests.get(bucket) ?? 0n) ^ BigInt(`0x${digest ?? 0}`));
  }
  const text = (digest: bigint): string => digest.toString(16).padStart(16, "0");
  const whole = [...digests.values()].reduce((a, b) => a ^ b, 0n);
  const reading = readingKey(name, String(sequence), text(whole));
  const read =
    coverage === NONE ? [] : states.filter(([id]) => coverage === ALL || coverage.includes(bucketOf("Subscriber", id)));
  return [
    formatAt(reading, "1", coverage, read.length),
    ...Array.from({ length: 256 }, (_, index) => {
      const bucket = index.toString(16).padStart(2, "0");
      return formatBucket(bucket, reading, text(digests.get(bucket) ?? 0n));
    }),
    ...read.map(([id, { version, digest }]) => formatEntity("Subscriber", id, reading, String(version), digest)).sort(),
  ];
}

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

async function compared(...contents: readonly (readonly string[])[]): Promise<{ verdict: string; text: string }> {
  const sources = contents.map((lines, index) => ({ name: `file-${index}`, lines: each(lines) }));
  const { verdict, lines } = reportOf(await compareContent(mergeLines(sources)));
  return { verdict, text: lines.join("\n") };
}

const people = { alice: live(1), bob: live(2), carol: live(1) };

test("the same content is the same, also at another place of the stream", async () => {
  const { verdict, text } = await compared(contentOf("n-0", 7, people), contentOf("n-1", 9, people));
  expect(verdict).toBe("same");
  expect(text).toContain("n-0  sequence 7 of epoch 1, digest ");
});

test("the first entity that differs is named, with both versions and digests, and its bucket", async () => {
  const damaged = { ...people, bob: other(2), carol: absent };
  const { verdict, text } = await compared(contentOf("n-0", 7, people), contentOf("n-1", 7, damaged));
  expect(verdict).toBe("different");
  const buckets = [bucketOf("Subscriber", "bob"), bucketOf("Subscriber", "carol")].sort();
  expect(text).toContain(`different: 2 entities in bucket ${buckets.join(",")}`);
  const bob = text.split("\n").slice(text.split("\n").indexOf("  Subscriber bob"));
  expect(bob.slice(1, 3)).toEqual([`    n-0 at 7: version 2, ${hex16(2)}`, `    n-1 at 7: version 2, ${hex16(99)}`]);
  expect(bob.slice(3)).toEqual(["  Subscriber carol", `    n-0 at 7: version 1, ${hex16(1)}`, "    n-1 at 7: absent"]);
});

test("many that differ are counted", async () => {
  const many = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`s${index}`, live(1)]));
  const { text } = await compared(contentOf("n-0", 20, many), contentOf("n-1", 20, {}));
  expect(text).toContain("different: 15 entities");
  expect(text.match(/^ {2}Subscriber /gm)).toHaveLength(10);
  expect(text).toContain("  and 5 entities more");
});

test("a change that one node does not have yet is undecided until that node has been read again", async () => {
  const early = contentOf("n-0", 7, people);
  const late = contentOf("n-1", 9, { ...people, bob: live(3) });
  const first = await compared(early, late);
  expect(first).toMatchObject({ verdict: "undecided", text: expect.stringContaining("or n-0 lacks that") });
  const applied = await compared(early, late, contentOf("n-0", 12, { ...people, bob: live(3) }));
  expect(applied).toMatchObject({ verdict: "same", text: expect.stringContaining("1 entity changed from reading") });
  expect((await compared(early, late, contentOf("n-0", 12, people))).verdict).toBe("different");
});

test("an entity that is absent after it was there is undecided until one was read later that keeps what is deleted", async () => {
  const before = [contentOf("oss", 7, people), contentOf("n-0", 7, people), contentOf("oss", 8, people)];
  const without = contentOf("n-0", 9, { ...people, bob: absent });
  const doubted = await compared(...before, without);
  expect(doubted).toMatchObject({ verdict: "undecided", text: expect.stringContaining("or lost there") });
  expect((await compared(...before, without, contentOf("oss", 9, { ...people, bob: deleted(3) }))).verdict).toBe(
    "same",
  );
  expect((await compared(...before, without, contentOf("oss", 9, people))).verdict).toBe("different");
});

test("by digests alone, buckets differ at one place, and may have changed at two", async () => {
  const damaged = { ...people, bob: live(3) };
  const bucket = bucketOf("Subscriber", "bob");
  const whole = contentOf("n-0", 7, people, NONE);
  const atOnePlace = await compared(whole, contentOf("n-1", 7, damaged, NONE));
  expect(atOnePlace.verdict).toBe("different");
  expect(atOnePlace.text).toContain(`read all of them again with --bucket ${bucket} to see`);
  const atTwo = await compared(whole, contentOf("n-1", 9, damaged, NONE));
  expect(atTwo).toMatchObject({ verdict: "undecided", text: expect.stringContaining(`--bucket ${bucket} to see`) });
  expect((await compared(whole, contentOf("n-1", 9, people, NONE))).verdict).toBe("same");
});

test("with the entities of some buckets, the others are judged by their digests", async () => {
  const damaged = { ...people, bob: live(3) };
  const [bob, alice] = [bucketOf("Subscriber", "bob"), bucketOf("Subscriber", "alice")];
  const there = await compared(contentOf("n-0", 7, people, bob), contentOf("n-1", 7, damaged, bob));
  expect(there.text).toContain("  Subscriber bob");
  const elsewhere = await compared(contentOf("n-0", 7, people, alice), contentOf("n-1", 7, damaged, alice));
  expect(elsewhere).toMatchObject({ verdict: "different", text: expect.stringContaining(`different: bucket ${bob}`) });
});

test("readings may come mixed and twice, when they are sorted", async () => {
  const damaged = contentOf("n-1", 7, { ...people, bob: other(2) });
  const lines = [...contentOf("n-0", 7, people), ...damaged, ...damaged].sort();
  expect(await compared(lines)).toMatchObject({
    verdict: "different",
    text: expect.stringContaining("Subscriber bob"),
  });
});

const good = contentOf("n-0", 7, people);
test.each<[string, readonly (readonly string[])[], string]>([
  ["nothing", [[]], "give two readings or more; here is none"],
  ["one reading", [good], "give two readings or more; here is one"],
  ["one reading twice", [good, good], "here is one, however often it is given"],
  ["readings of different buckets", [good, contentOf("n-1", 7, people, "0a")], "same --bucket; here are 0a and all"],
  ["a reading without its last entity", [good, contentOf("n-1", 7, people).slice(0, -1)], "of n-1 is not whole"],
  ["a reading without its last bucket", [good, contentOf("n-1", 7, {}).slice(0, -1)], "of n-1 is not whole"],
  ["a reading without its beginning", [good, contentOf("n-1", 7, people).slice(1)], "without its first line"],
  [
    "two readings one after the other",
    [[...good, ...contentOf("n-1", 7, people)]],
    "file-0 are not in order: give each",
  ],
  ["something else", [good, ["{}"]], '"{}" is no line that content writes'],
  ["a line that was cut off", [good, ["entity\tSubscriber\tbo"]], '"entity\tSubscriber\tbo" is no line'],
])("%s is refused, and it is said what to give", async (_, contents, message) => {
  await expect(compared(...contents)).rejects.toThrow(message);
});

test("a line is read as it was written", () => {
  const reading = readingKey("tv-aaa-0", "12", hex16(5));
  expect(parseLine(formatEntity("Subscriber", "a@b:c", reading, "3", null))).toEqual({
    kind: "entity",
    entity: "Subscriber",
    id: "a@b:c",
    reading,
    version: 3n,
    digest: null,
  });
  expect(parseLine(formatAt("a@b@12@0000000000000005", "2", "0a,ff", 4))).toMatchObject({
    reading: { name: "a@b", sequence: 12n, epoch: "2", coverage: "0a,ff", entities: 4 },
  });
});

test("lines are found wherever the text is cut into chunks", async () => {
  const lines: string[] = [];
  for await (const line of linesOf(Readable.from([Buffer.from("a\nb"), Buffer.from("c\n"), Buffer.from("\nd")]))) {
    lines.push(line);
  }
  expect(lines).toEqual(["a", "bc", "d"]);
});
