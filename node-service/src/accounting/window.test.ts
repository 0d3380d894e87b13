import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { DeliveryWindow } from "./window.ts";

test("a record is under way until it is marked, and its confirm says how long it took", () => {
  const window = new DeliveryWindow();
  window.sent("a", 10);
  window.sent("b", 11);
  expect(window.answered("a", true, 15)).toBe(5);
  expect(window).toMatchObject({ size: 2, underWay: ["b", "a"], delivered: ["a"], oldestSentAt: 11 });
  window.marked(1);
  expect(window).toMatchObject({ size: 1, underWay: ["b"], delivered: [] });
});

test("a record that reached no queue is not delivered, although the broker confirms it", () => {
  const window = new DeliveryWindow();
  window.sent("a", 0);
  window.returned("a");
  expect(window.answered("a", true, 1)).toBeNull();
  expect(window).toMatchObject({ size: 0, delivered: [] });
  window.sent("a", 2);
  expect(window.answered("a", true, 3)).toBe(1);
});

test("whatever the broker answers, in whatever order, only what it confirmed and kept counts as delivered", () => {
  const fate = fc.constantFrom("confirmed", "refused", "returned", "open");
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 20 }), fc.infiniteStream(fc.nat()), (fates, order) => {
      const window = new DeliveryWindow();
      const records = fates.map((fate, index) => ({ fate, id: `r${index}`, turn: order.next().value }));
      for (const { id } of records) window.sent(id, 0);
      for (const { id, fate } of records.toSorted((one, other) => one.turn - other.turn)) {
        if (fate === "returned") window.returned(id);
        if (fate !== "open") window.answered(id, fate !== "refused", 1);
      }
      const ids = (wanted: string): string[] => records.filter(({ fate }) => fate === wanted).map(({ id }) => id);
      expect(new Set(window.delivered)).toEqual(new Set(ids("confirmed")));
      expect(new Set(window.underWay)).toEqual(new Set([...ids("confirmed"), ...ids("open")]));
    }),
  );
});
