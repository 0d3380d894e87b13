import { expect, test } from "@jest/globals";
import { encode } from "./events.ts";
import { decodeSnapshotPart, SNAPSHOT_ROWS_TYPE, type SnapshotEnd } from "./snapshot.ts";

const headers = { requestId: "one", index: 0 };
const rows = Buffer.from('Device\tbox-1\t1\t{"status": "active"}\n');
const end: SnapshotEnd = {
  kind: "end",
  requestId: "one",
  epoch: "7",
  sequence: "11",
  chunks: 1,
  entities: 1,
  digest: "0123456789abcdef",
};

test("a chunk is read with its rows as they are, and the end as it was written", () => {
  expect(decodeSnapshotPart({ properties: { contentType: SNAPSHOT_ROWS_TYPE, headers }, content: rows })).toEqual({
    kind: "chunk",
    ...headers,
    rows,
  });
  expect(decodeSnapshotPart({ properties: { contentType: "application/json" }, content: encode(end) })).toEqual(end);
});

test.each([
  ["a chunk without its place", { contentType: SNAPSHOT_ROWS_TYPE, headers: { requestId: "one" } }, rows],
  ["rows that do not say that they are", { contentType: "application/json", headers }, rows],
  ["an end without a digest", {}, encode({ ...end, digest: undefined })],
  ["something else", {}, encode({ kind: "middle" })],
])("what is no part of a snapshot is refused: %s", (_, properties, content) => {
  expect(() => decodeSnapshotPart({ properties, content })).toThrow(
    /^(not a part of a snapshot|the message is not JSON)/,
  );
});
