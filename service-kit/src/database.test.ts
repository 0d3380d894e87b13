import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import pg from "pg";
import { connectionOptions } from "./database.ts";

const folder = await mkdtemp(join(tmpdir(), "aaa-database-"));
afterAll(() => rm(folder, { recursive: true }));

test("the password of the file reaches the database client as it is", async () => {
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, "p@ss/w:rd %41\n");
  const client = new pg.Client(await connectionOptions({ url: "postgresql://oss@127.0.0.1:5432/oss", passwordFile }));
  expect(client).toMatchObject({ user: "oss", host: "127.0.0.1", database: "oss", password: "p@ss/w:rd %41" });
});

test("a database on a local socket needs no password", async () => {
  const client = new pg.Client(await connectionOptions({ url: "postgresql://aaa@/aaa?host=/run/postgresql" }));
  expect(client).toMatchObject({ user: "aaa", host: "/run/postgresql", database: "aaa" });
});
