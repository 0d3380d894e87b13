import { BY_KEY, createLog, migrate } from "@aaa-cluster/service-kit";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import pg from "pg";
import { say } from "../lib/steps.ts";
import { type FreshDatabase, freshDatabase } from "../services/fresh.ts";
import { anyChange, anyLook } from "./content.ts";
import { World } from "./world.ts";

/** A run of the property that failed is repeated with the seed that it printed. */
const SEED = Number(process.env.AAA_READ_MODEL_SEED ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env.AAA_READ_MODEL_RUNS ?? 25);

let database: FreshDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await freshDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 8, options: BY_KEY });
  await migrate(pool, new URL("../../node-service/src/migrations/", import.meta.url), createLog("silent"));
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const hearsAfter = fc.oneof(fc.constant(0), fc.nat(20));
const changes = (maxLength: number) => fc.array(anyChange, { minLength: 1, maxLength });
const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      what: fc.constant("commit" as const),
      changes: changes(4),
      hearsAfter,
      isHeard: fc.constant(true),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant("commit" as const),
      changes: changes(4),
      hearsAfter,
      isHeard: fc.constant(false),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("replace" as const), changes: changes(20), hearsAfter }) },
);
const look = fc.record({ look: anyLook, before: fc.integer({ min: 1, max: 8 }) });
const script = fc.record({
  steps: fc.array(step, { minLength: 20, maxLength: 40 }),
  // Each reader looks again and again as long as the writer writes.
  readers: fc.array(fc.array(look, { minLength: 1, maxLength: 10 }), { minLength: 2, maxLength: 6 }),
  delays: fc.array(fc.oneof(fc.constant(0), fc.nat(30)), { minLength: 1, maxLength: 20 }),
});

test("whatever happens in whatever order, what is answered is exactly what was there at the place that the answer names", async () => {
  say(`  read model: seed ${SEED}, ${RUNS} runs; repeat with AAA_READ_MODEL_SEED=${SEED}`);
  let [hits, misses] = [0, 0];
  const property = fc.asyncProperty(script, async ({ steps, readers, delays }) => {
    const world = await World.on(pool, delays);
    let isOver = false;
    const reading = readers.map(async (looks) => {
      for (let index = 0; !isOver; index += 1) {
        const { look, before } = looks[index % looks.length] as (typeof looks)[number];
        await world.look(look, before);
      }
    });
    const writing = async (): Promise<void> => {
      for (const each of steps) {
        if (each.what === "commit") await world.commit(each.changes, each.hearsAfter, each.isHeard);
        else await world.replace(each.changes, each.hearsAfter);
      }
    };
    await Promise.all([
      writing().finally(() => {
        isOver = true;
      }),
      ...reading,
    ]);
    hits += world.model.answers.hit;
    misses += world.model.answers.miss;
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS, endOnFailure: true });
  // Otherwise it would not have tried anything.
  expect(hits).toBeGreaterThan(RUNS);
  expect(misses).toBeGreaterThan(RUNS);
}, 300_000);
