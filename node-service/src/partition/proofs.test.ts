import { expect, test } from "@jest/globals";
import { Proofs } from "./proofs.ts";

test("a node that was never found different is not", () => {
  const proofs = new Proofs();
  expect(proofs.differs(0)).toBe(false);
  proofs.proved(true, 0);
  expect(proofs.differs(1)).toBe(false);
});

test("a node that was found different is that until a proof succeeds, however long it takes", () => {
  const proofs = new Proofs();
  proofs.proved(false, 0);
  expect(proofs.differs(1_000_000)).toBe(true);
  proofs.proved(true, 1_000_000);
  expect(proofs.differs(1_000_000)).toBe(false);
});

test("a difference that was repaired at once is told for 30 s", () => {
  const proofs = new Proofs();
  proofs.proved(false, 1_000);
  proofs.proved(true, 2_000);
  expect(proofs.differs(30_999)).toBe(true);
  expect(proofs.differs(31_000)).toBe(false);
});
