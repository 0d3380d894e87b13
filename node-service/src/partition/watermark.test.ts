import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { judgeEvent, judgePosition, type Place } from "./watermark.ts";

const place = (epoch: number, sequence: number): Place => ({ epoch: BigInt(epoch), sequence: BigInt(sequence) });
const position = (epoch: number, originEpoch: number, sequence: number, head = sequence) => ({
  eventType: "StreamPosition" as const,
  epoch: String(epoch),
  originEpoch: String(originEpoch),
  sequence: String(sequence),
  head: String(head),
});

test.each([
  ["the next event is applied", place(5, 10), place(5, 11), "apply"],
  ["an event seen before is dropped", place(5, 10), place(5, 10), "drop"],
  ["an event of a replaced relay is dropped", place(5, 10), place(4, 11), "drop"],
  ["an event after a missing one shows a gap", place(5, 10), place(5, 12), "gap"],
  ["an event of an epoch whose beginning was missed shows a gap", place(5, 10), place(6, 11), "gap"],
] as const)("%s", (_name, mine, event, verdict) => {
  expect(judgeEvent(mine, event)).toBe(verdict);
});

test.each([
  ["a new epoch with nothing missing is followed", place(5, 10), position(6, 1, 10), "follow"],
  [
    "a new epoch is followed by a node that has seen what the old relay did not note",
    place(5, 12),
    position(6, 1, 10, 12),
    "follow",
  ],
  ["a new epoch is followed by a node that missed an epoch without events", place(3, 10), position(6, 1, 10), "follow"],
  ["a new epoch that begins after what the node has shows a gap", place(5, 9), position(6, 1, 10), "gap"],
  ["a position of the node's own epoch that is ahead shows a gap", place(5, 9), position(5, 1, 10), "gap"],
  ["a position of the node's own epoch changes nothing", place(5, 10), position(5, 1, 10), "drop"],
  ["a position of a replaced relay is dropped", place(5, 10), position(4, 1, 99), "drop"],
  ["a new history shows a gap although the numbers fit", place(5, 10), position(6, 6, 10), "gap"],
  ["an OSS that has lost changes the node has seen shows a gap", place(5, 12), position(6, 1, 10, 11), "gap"],
  ["a node that was never synced needs a snapshot", place(0, 0), position(6, 6, 0), "gap"],
] as const)("%s", (_name, mine, message, verdict) => {
  expect(judgePosition(mine, message)).toBe(verdict);
});

test("whatever is lost, repeated or left over from old relays, a node has every change up to its watermark or sees a gap", () => {
  // Relays publish contiguous runs, each from where its predecessor was known to be; the queue may lose any message.
  const relay = fc.record({ back: fc.nat(3), events: fc.nat(5) });
  const history = fc.array(relay, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat(9)), (relays, dice) => {
      const applied = new Set<bigint>();
      let mine = place(1, 0);
      let published = 0;
      for (const [index, { back, events }] of relays.entries()) {
        const epoch = index + 2;
        const from = Math.max(0, published - back);
        const head = Math.max(published, from + events);
        const lost = (): boolean => dice.next().value === 0;
        if (!lost()) {
          const verdict = judgePosition(mine, position(epoch, 1, from, head));
          if (verdict === "gap") return;
          if (verdict === "follow") mine = { epoch: BigInt(epoch), sequence: mine.sequence };
        }
        for (let sequence = from + 1; sequence <= from + events; sequence += 1) {
          if (lost()) continue;
          const event = place(epoch, sequence);
          const verdict = judgeEvent(mine, event);
          if (verdict === "gap") return;
          if (verdict === "apply") {
            applied.add(event.sequence);
            mine = event;
          }
        }
        published = head;
      }
      expect(applied.size).toBe(Number(mine.sequence));
    }),
    { numRuns: 2_000 },
  );
});
