import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ConfirmWindow } from "./confirm-window.ts";

test("only a contiguous run from the start counts as confirmed", () => {
  const window = new ConfirmWindow(10n);
  for (const sequence of [11n, 12n, 13n]) window.sent(sequence, 0);
  window.confirm(12n, 1);
  expect(window.confirmed).toBe(10n);
  window.confirm(11n, 1);
  expect(window.confirmed).toBe(12n);
  window.confirm(13n, 1);
  expect(window).toMatchObject({ confirmed: 13n, size: 0, oldestSentAt: null });
});

test("in whatever order confirms come, nothing unconfirmed is passed over", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]), (confirms) => {
      const window = new ConfirmWindow(0n);
      for (let sequence = 1n; sequence <= 8n; sequence += 1n) window.sent(sequence, Number(sequence));
      for (const sequence of confirms) window.confirm(sequence, 9);
      const open = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].filter((sequence) => !confirms.includes(sequence));
      expect(window.confirmed).toBe((open[0] ?? 9n) - 1n);
      expect(window.oldestSentAt).toBe(open[0] === undefined ? null : Number(open[0]));
    }),
  );
});

test("a message of several events is confirmed as one, and until then none of them is", () => {
  const window = new ConfirmWindow(10n);
  window.sent(15n, 0);
  window.sent(16n, 1);
  window.confirm(16n, 2);
  expect(window).toMatchObject({ confirmed: 10n, lastSent: 16n, size: 6, oldestSentAt: 0 });
  expect(window.confirm(15n, 2)).toBe(2);
  expect(window).toMatchObject({ confirmed: 16n, size: 0 });
});
