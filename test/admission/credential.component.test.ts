import { createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import pg from "pg";
import { deriveCredential, UnusablePassword } from "../../oss-service/src/credential.ts";
import { type FreshDatabase, freshDatabase } from "../services/fresh.ts";

jest.setTimeout(60_000);

// PostgreSQL keeps SCRAM-SHA-256 verifiers too, prepares passwords by SASLprep in C, and shares no line with us.
let database: FreshDatabase;
let client: pg.Client;
const role = `scram_${randomBytes(6).toString("hex")}`;

beforeAll(async () => {
  database = await freshDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`create role ${role}`);
});

afterAll(async () => {
  await client?.query(`drop role ${role}`);
  await client?.end();
  await database?.[Symbol.asyncDispose]();
});

/** The verifier that PostgreSQL makes of a password, and the one that OSS makes with the same salt. */
async function both(password: string): Promise<readonly [string, string]> {
  await client.query(`alter role ${role} password ${client.escapeLiteral(password)}`);
  const { rows } = await client.query("select rolpassword from pg_authid where rolname = $1", [role]);
  const theirs = String(rows[0].rolpassword);
  const salt = Buffer.from(/^SCRAM-SHA-256\$4096:([^$]+)\$/.exec(theirs)?.[1] ?? "", "base64");
  const { iterations, storedKey, serverKey } = await deriveCredential(password, salt);
  return [theirs, `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`];
}

test.each([
  "pencil",
  "I\u00adX",
  "\u00aa",
  "\u2168",
  "a\u3000b\u00a0c",
  "caf\u00e9 cafe\u0301",
  "\ufb01\u200d\u212b",
  "\u05d0\u05d1\u05d2",
  "\uff11\uff12\uff13",
  "\u30d1\u30b9\u30ef\u30fc\u30c9",
])("OSS derives the verifier of %j as PostgreSQL does", async (password) => {
  const [theirs, ours] = await both(password);
  expect(ours).toBe(theirs);
});

/** Whether PostgreSQL took a password as it was written, as it does with one that SASLprep does not allow. */
function isRaw(password: string, theirs: string): boolean {
  const [, salt = "", serverKey = ""] = /^SCRAM-SHA-256\$4096:([^$]+)\$[^:]+:(.+)$/.exec(theirs) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), 4096, 32, "sha256");
  return createHmac("sha256", salted).update("Server Key").digest("base64") === serverKey;
}

test("whatever password OSS takes, PostgreSQL makes the same verifier of it", async () => {
  // Characters that were there in Unicode 3.2, with what is mapped, decomposed, from right to left, or not allowed.
  const character = fc.oneof(
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
    fc.constantFrom(
      ..."\u00ad\u00a0\u3000\u200d\u200b\u0301\u00e9\u212b\ufb01\u2168\u05d0\u0627\u0661\ufdfa\u0007\u3042\uac00",
    ),
    fc.integer({ min: 0xa0, max: 0x33ff }).map((code) => String.fromCodePoint(code)),
  );
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(character, { minLength: 1, maxLength: 6 }), async (characters) => {
      try {
        const password = characters.join("");
        const [theirs, ours] = await both(password);
        if (ours === theirs) taken += 1;
        // The one difference: a character that came after Unicode 3.2, but is another one by NFKC, as U+1D2C.
        else expect({ password, raw: isRaw(password, theirs) }).toEqual({ password, raw: true });
      } catch (error) {
        // PostgreSQL takes such a password as it is; a box may prepare it in another way.
        if (!(error instanceof UnusablePassword)) throw error;
      }
    }),
    { numRuns: 300 },
  );
  expect(taken).toBeGreaterThan(50);
}, 60_000);
