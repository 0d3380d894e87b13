import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { allOf, CHUNK_LENGTH, CHUNK_LINES, chunksOf, LINE_LENGTH, type Line, linesOf } from "./bulk-lines.ts";

async function* inPieces(text: string, sizes: readonly number[] = []): AsyncGenerator<Uint8Array> {
  let bytes = Buffer.from(text);
  for (let turn = 0; bytes.length > 0; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    yield bytes.subarray(0, size);
    bytes = bytes.subarray(size);
  }
}

async function chunks(text: string, sizes?: readonly number[]): Promise<Line[][]> {
  return collect(chunksOf(linesOf(inPieces(text, sizes))));
}

const device = (id: number | string): string => JSON.stringify({ entity: "Device", id: `${id}`, payload: null });
const devices = (count: number): string => Array.from({ length: count }, (_, index) => device(index)).join("\n");
const numbersOf = (all: readonly Line[][]): number[][] => all.map((chunk) => chunk.map(({ number }) => number));

test("blank lines are counted and left out, and the last line needs no line break", async () => {
  for (const end of ["", "\n", "\r\n\n"]) {
    expect(numbersOf(await chunks(`\n${device("a")}\r\n  \n${device("b")}${end}`))).toEqual([[2, 4]]);
  }
  await expect(chunks("\n \n")).resolves.toEqual([]);
});

test("a chunk ends when it is full", async () => {
  expect((await chunks(devices(2 * CHUNK_LINES + 1))).map((chunk) => chunk.length)).toEqual([
    CHUNK_LINES,
    CHUNK_LINES,
    1,
  ]);
  const long = JSON.stringify("x".repeat(CHUNK_LENGTH / 4));
  expect((await chunks(Array(5).fill(long).join("\n"))).map((chunk) => chunk.length)).toEqual([3, 2]);
});

test("a chunk ends before a line about an entity that it has already", async () => {
  const lines = ["a", "b", "a", "a", "c"].map(device);
  expect(numbersOf(await chunks(lines.join("\n")))).toEqual([[1, 2], [3], [4, 5]]);
});

test("however the bytes come, the same lines make the same chunks, and none is lost", async () => {
  const line = fc.oneof(
    fc.constantFrom("a", "b", "c", "ü", "𝄞").map(device),
    fc.constantFrom("", " ", "nonsense", "null", '"a"', '{"entity":"Device"}'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.integer({ min: 1, max: 40 })), async (lines, sizes) => {
      const all = await chunks(lines.join("\n"), sizes);
      expect(all).toEqual(await chunks(lines.join("\n")));
      expect(all.flat().map(({ text }) => text)).toEqual(lines.filter((text) => text.trim() !== ""));
      for (const chunk of all) {
        const keys = chunk.flatMap(({ value }) => Object(value).id ?? []);
        expect(new Set(keys).size).toBe(keys.length);
      }
    }),
  );
});

test("what cannot be read is refused with what to send instead", async () => {
  await expect(chunks("x".repeat(LINE_LENGTH + 1), [65_536])).rejects.toThrow("line 1 is longer than");
  await expect(chunks(`${device("a")}\n${"x".repeat(LINE_LENGTH + 1)}\n`)).rejects.toThrow("line 2 is longer than");
  await expect(collect(linesOf(bytesOf(Buffer.from([0x7b, 0xff]))))).rejects.toThrow("encode it so");
  await expect(collect(linesOf(brokenOff()))).rejects.toThrow("send it whole");
  await expect(allOf(linesOf(inPieces(devices(10_001))))).rejects.toThrow("accept: application/x-ndjson");
  await expect(allOf(linesOf(inPieces("\n")))).rejects.toThrow("no lines");
});

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

async function* bytesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* brokenOff(): AsyncGenerator<Uint8Array> {
  yield Buffer.from(device("a"));
  throw new Error("aborted");
}
