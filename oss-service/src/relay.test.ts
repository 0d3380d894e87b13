import { expect, test } from "@jest/globals";
import { RelayDuty } from "./relay.ts";

const alive = new AbortController().signal;

test.each([
  ["outside a term nothing is relayed", null, false],
  ["within one the outbox is relayed", { signal: alive, blocked: false }, true],
  ["not any more once the broker session is lost", { signal: AbortSignal.abort(), blocked: false }, false],
  ["not while the broker holds publishers back", { signal: alive, blocked: true }, false],
])("%s", (_name, session, relaying) => {
  const duty = new RelayDuty();
  duty.session = session;
  expect(duty.relaying).toBe(relaying);
});
