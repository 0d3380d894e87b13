import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Member, type Queue, queuesWithoutMajority, quorumOf } from "./quorum.ts";

const membersOf = (all: number, running: number): Member[] =>
  Array.from({ length: all }, (_, index) => ({ name: `rabbit-${index}`, running: index < running }));
const queueOf = (all: number, online: number, name = "q"): Queue => {
  const members = membersOf(all, all).map((member) => member.name);
  return { name, members, online: members.slice(0, online) };
};

test.each([
  [0, 0, "Lost"],
  [1, 1, "Critical"],
  [1, 0, "Lost"],
  [2, 2, "Critical"],
  [2, 1, "Lost"],
  [3, 3, "Intact"],
  [3, 2, "Critical"],
  [3, 1, "Lost"],
  [4, 4, "Intact"],
  [4, 3, "Critical"],
  [4, 2, "Lost"],
  [5, 4, "Intact"],
  [5, 3, "Critical"],
  [5, 2, "Lost"],
] as const)("of %i members %i run: %s, for the cluster as for a queue", (all, up, quorum) => {
  expect(quorumOf(membersOf(all, up), [])).toBe(quorum);
  if (all > 0) expect(quorumOf(membersOf(9, 9), [queueOf(all, up)])).toBe(quorum);
});

test("the whole is as good as the worst of it", () => {
  const brokers = membersOf(3, 3);
  expect(quorumOf(brokers, [queueOf(3, 3), queueOf(3, 3)])).toBe("Intact");
  expect(quorumOf(brokers, [queueOf(3, 3), queueOf(1, 1)])).toBe("Critical");
  expect(quorumOf(brokers, [queueOf(3, 2), queueOf(3, 1), queueOf(3, 3)])).toBe("Lost");
  expect(quorumOf(membersOf(3, 2), [queueOf(3, 3)])).toBe("Critical");
});

test("a queue without statistics yet says nothing", () => {
  expect(quorumOf(membersOf(3, 3), [{ name: "new" }])).toBe("Intact");
  expect(queuesWithoutMajority([{ name: "new" }])).toEqual([]);
});

test("a queue of which nobody is known to be online takes and gives nothing", () => {
  const { members = [] } = queueOf(3, 0);
  expect(quorumOf(membersOf(3, 3), [{ name: "q", members }])).toBe("Lost");
  expect(quorumOf(membersOf(3, 3), [{ name: "q", members: members.slice(0, 1) }])).toBe("Lost");
  expect(queuesWithoutMajority([{ name: "q", members }])).toEqual(["q"]);
});

test("queues without a majority are named, and no other", () => {
  const queues = [queueOf(3, 3, "a"), queueOf(3, 1, "b"), queueOf(2, 1, "c"), queueOf(1, 1, "d")];
  expect(queuesWithoutMajority(queues)).toEqual(["b", "c"]);
});

test("Intact is what stays usable when any one broker more is lost, Critical what does not", () => {
  const sizes = fc
    .integer({ min: 1, max: 9 })
    .chain((all) => fc.tuple(fc.constant(all), fc.integer({ min: 0, max: all })));
  fc.assert(
    fc.property(sizes, ([all, up]) => {
      const usable = (running: number): boolean => quorumOf(membersOf(all, running), []) !== "Lost";
      const expected = usable(up) ? (usable(up - 1) ? "Intact" : "Critical") : "Lost";
      expect(quorumOf(membersOf(all, up), [])).toBe(expected);
    }),
  );
});
