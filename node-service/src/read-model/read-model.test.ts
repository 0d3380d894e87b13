import { beforeEach, expect, jest, test } from "@jest/globals";
import type { Keys, Reading, Row } from "./content.ts";
import { type Known, ReadModel } from "./read-model.ts";

const credential = { scheme: "SCRAM-SHA-256", salt: "", iterations: 4096, storedKey: "", serverKey: "" };
const subscriber = (id: string, status = "active"): Row => ({
  entity: "Subscriber",
  id,
  payload: { status, credential },
});
const entitlement = (id: string, subscriberId: string): Row => ({
  entity: "Entitlement",
  id,
  payload: { subscriberId, productOfferingId: "basic", validFrom: "2026-01-01T00:00:00Z", status: "active" },
});
const offering = (id: string, ...services: string[]): Row => ({
  entity: "ProductOffering",
  id,
  payload: { name: id, services },
});

/** A database whose reads are answered when the test says so. */
class FakeDatabase {
  rows: Row[] = [];
  sequence = 1n;
  readonly reads: {
    readonly keys: Keys;
    readonly answer: () => Promise<void>;
    readonly fail: (error: Error) => void;
  }[] = [];

  readonly read = (keys: Keys): Promise<Reading> => {
    const { promise, resolve, reject } = Promise.withResolvers<Reading>();
    const reading = { place: this.place, rows: this.rows };
    const answer = async (): Promise<void> => {
      resolve(reading);
      await settled();
    };
    this.reads.push({ keys, answer, fail: reject });
    return promise;
  };

  get place() {
    return { epoch: 1n, sequence: this.sequence };
  }

  get watermark() {
    return { place: this.place, digest: this.sequence };
  }

  /** Commits rows in the place of those of the same names; the model hears of it when `hear` is called. */
  commit(...changed: readonly (Row | { entity: string; id: string; payload: null })[]): { hear: () => void } {
    const isChanged = ({ entity, id }: Row): boolean => changed.some((row) => row.entity === entity && row.id === id);
    const kept = changed.flatMap((row) => (row.payload === null ? [] : [row as Row]));
    this.rows = [...this.rows.filter((row) => !isChanged(row)), ...kept];
    this.sequence += 1n;
    const { watermark } = this;
    const events = changed.map(({ entity, id, payload }) => ({ entity, entityId: id, payload })) as never;
    return { hear: () => model.committed(watermark, events) };
  }
}

/** Resolves when everything that could go on has done so. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 2; turn += 1) await new Promise(setImmediate);
};

const statusOf = (id: string) => (known: Known) => {
  const account = known.account(id);
  return (
    account && {
      status: account.status ?? "none",
      entitlements: account.entitlements.map((held) => held.id),
    }
  );
};
const servicesOf = (id: string) => (known: Known) => {
  const offering = known.offering(id);
  return offering && [...(offering.services ?? [])];
};

let database: FakeDatabase;
let model: ReadModel;
beforeEach(() => {
  database = new FakeDatabase();
  database.rows = [subscriber("s1"), entitlement("e1", "s1"), subscriber("s2"), offering("basic", "news")];
  model = new ReadModel({ limitBytes: 10_000_000, read: database.read });
  model.found(database.watermark);
});

/** Asks for a subscriber and has the database answer. */
async function ask(id: string): Promise<{ status: string; entitlements: string[] }> {
  const answer = model.answer(statusOf(id));
  await settled();
  await database.reads.at(-1)?.answer();
  return answer;
}

test("what was asked for once is known, also that something does not exist", async () => {
  expect(await ask("s1")).toEqual({ status: "active", entitlements: ["e1"] });
  expect(await ask("nobody")).toEqual({ status: "none", entitlements: [] });
  expect(model.answer(statusOf("s1"))).toEqual({ status: "active", entitlements: ["e1"] });
  expect(model.answer(statusOf("nobody"))).toEqual({ status: "none", entitlements: [] });
  expect(database.reads).toHaveLength(2);
  expect(model.answers).toEqual({ hit: 2, miss: 2 });
});

test("what is asked for at the same time is read by one statement, and what is being read is not read again", async () => {
  const answers = [model.answer(statusOf("s1")), model.answer(statusOf("s2")), model.answer(statusOf("s1"))];
  await settled();
  const late = [model.answer(statusOf("s1")), model.answer(statusOf("s3"))];
  await settled();
  expect(database.reads.map(({ keys }) => [...keys.accounts])).toEqual([["s1", "s2"], ["s3"]]);
  for (const { answer } of database.reads) await answer();
  await expect(Promise.all([...answers, ...late])).resolves.toMatchObject(
    ["active", "active", "active", "active", "none"].map((status) => ({ status })),
  );
});

test("an id that nothing can have is answered without asking the database, which might refuse it", () => {
  for (const id of ["", "\0", "\ud800", "a/b", "x".repeat(65)]) {
    expect(model.answer(statusOf(id))).toEqual({ status: "none", entitlements: [] });
  }
});

test.each([
  ["a subscriber", () => database.commit(subscriber("s1", "suspended")), { status: "suspended", entitlements: ["e1"] }],
  [
    "a new entitlement",
    () => database.commit(entitlement("e2", "s1")),
    { status: "active", entitlements: ["e1", "e2"] },
  ],
  [
    "an entitlement that is deleted, whose event does not say whose it was",
    () => database.commit({ entity: "Entitlement", id: "e1", payload: null }),
    { status: "active", entitlements: [] },
  ],
  [
    "an entitlement that another subscriber gets",
    () => database.commit(entitlement("e1", "s2")),
    { status: "active", entitlements: [] },
  ],
])("a commit changes what is known: %s", async (_name, commit, expected) => {
  await ask("s1");
  const committed = commit();
  expect(model.answer(statusOf("s1"))).toEqual({ status: "active", entitlements: ["e1"] });
  committed.hear();
  expect(await ask("s1")).toEqual(expected);
});

test.each([
  ["a subscriber", () => database.commit(subscriber("s1", "suspended")), { status: "suspended", entitlements: ["e1"] }],
  [
    "a new entitlement",
    () => database.commit(entitlement("e2", "s1")),
    { status: "active", entitlements: ["e1", "e2"] },
  ],
  [
    "a deleted entitlement",
    () => database.commit({ entity: "Entitlement", id: "e1", payload: null }),
    { status: "active", entitlements: [] },
  ],
])(
  "what a commit changed after it was read, and before it was kept, is read again: %s",
  async (_name, commit, expected) => {
    const answer = model.answer(statusOf("s1"));
    await settled();
    commit().hear();
    await database.reads[0]?.answer();
    expect(database.reads).toHaveLength(2);
    await database.reads[1]?.answer();
    await expect(answer).resolves.toEqual(expected);
  },
);

test("what was read after a commit is not read again because of that, and is not answered before the commit is heard of", async () => {
  const committed = database.commit(subscriber("s1", "suspended"));
  const answer = Promise.resolve(model.answer(statusOf("s1")));
  let answered = false;
  void answer.then(() => {
    answered = true;
  });
  await settled();
  await database.reads[0]?.answer();
  expect(answered).toBe(false);
  committed.hear();
  await expect(answer).resolves.toMatchObject({ status: "suspended" });
  expect(database.reads).toHaveLength(1);
  expect(model.place).toEqual(database.place);
});

test("an offering that changes is changed for every subscriber", async () => {
  const before = model.answer(servicesOf("basic"));
  await settled();
  await database.reads[0]?.answer();
  await expect(before).resolves.toEqual(["news"]);
  database.commit(offering("basic", "news", "opera")).hear();
  const after = model.answer(servicesOf("basic"));
  await settled();
  await database.reads[1]?.answer();
  await expect(after).resolves.toEqual(["news", "opera"]);
});

test("after a snapshot nothing is known any more, and what was read before it is not kept", async () => {
  await ask("s1");
  const reading = model.answer(statusOf("s2"));
  await settled();
  database.commit(subscriber("s1", "terminated"), subscriber("s2", "terminated"));
  model.replaced(database.watermark);
  await database.reads[1]?.answer();
  await database.reads[2]?.answer();
  await expect(reading).resolves.toMatchObject({ status: "terminated" });
  await expect(ask("s1")).resolves.toMatchObject({ status: "terminated" });
});

test("a consumer that starts and finds the database as it was left changes nothing, and forgets everything otherwise", async () => {
  await ask("s1");
  model.found(database.watermark);
  expect(model.answer(statusOf("s1"))).toMatchObject({ status: "active" });
  database.rows = [subscriber("s1", "suspended")];
  model.found({ place: database.place, digest: 77n });
  await expect(ask("s1")).resolves.toMatchObject({ status: "suspended" });
  database.commit(subscriber("s1", "terminated"));
  model.found(database.watermark);
  await expect(ask("s1")).resolves.toMatchObject({ status: "terminated" });
});

test("when the database cannot be read everybody who waits is told, and who asks next has it read again", async () => {
  const answers = [model.answer(statusOf("s1")), model.answer(statusOf("s1"))];
  await settled();
  database.reads[0]?.fail(new Error("away"));
  for (const answer of answers) await expect(answer).rejects.toThrow("away");
  await expect(ask("s1")).resolves.toMatchObject({ status: "active" });
});

test("a database that is at a place where the node never comes is as good as none", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "performance"] });
  try {
    database.commit(subscriber("s1", "suspended"));
    const answer = Promise.resolve(model.answer(statusOf("s1")));
    const refusal = expect(answer).rejects.toMatchObject({ status: 503, code: "database-away" });
    await new Promise(setImmediate);
    void database.reads[0]?.answer();
    await new Promise(setImmediate);
    jest.advanceTimersByTime(5_000);
    await refusal;
  } finally {
    jest.useRealTimers();
  }
});

test("it takes no more memory than it may, nearly, and still answers everything right", async () => {
  model = new ReadModel({ limitBytes: 60_000, read: database.read });
  model.found(database.watermark);
  database.rows = Array.from({ length: 300 }, (_, index) => [
    subscriber(`s${index}`),
    entitlement(`e${index}`, `s${index}`),
  ]).flat();
  for (let index = 0; index < 300; index += 1) {
    expect(await ask(`s${index}`)).toEqual({ status: "active", entitlements: [`e${index}`] });
    expect(model.size.bytes).toBeLessThan(60_000);
  }
  expect(model.size.pieces).toBeGreaterThan(50);
});
