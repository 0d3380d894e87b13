import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import pg from "pg";
import {
  brokerSettings,
  connectionOptions,
  databaseSettings,
  type Env,
  integerOf,
  portOf,
  readCredentials,
  required,
  SettingsError,
} from "./index.ts";

const folder = await mkdtemp(join(tmpdir(), "aaa-settings-"));
afterAll(() => rm(folder, { recursive: true }));

const database = { PGHOST: "db.shop", PGPORT: "6432", PGDATABASE: "oss", PGUSER: "app" };
const broker = { BROKER_URL: "amqp://broker:5670/aaa", BROKER_CREDENTIALS_DIR: folder };

test("a setting that is missing, empty or out of its range is named with what to set", () => {
  const missing = new SettingsError("set BROKER_URL: the broker's address");
  for (const env of [{}, { BROKER_URL: "" }, { BROKER_URL: "\n" }]) {
    expect(() => required(env, "BROKER_URL", "the broker's address")).toThrow(missing);
  }
  expect(required({ PGHOST: "db.shop\n" }, "PGHOST", "")).toBe("db.shop");
  expect(() => portOf({ PORT: "70000" }, "PORT", 6600)).toThrow('between 0 and 65535; it is "70000"');
  expect(portOf({}, "PORT", 6600)).toBe(6600);
  for (const text of ["", "-1", "1.5", "30s"]) {
    expect(() => integerOf({ MAX_LAG_SECONDS: text }, "MAX_LAG_SECONDS", 30, [0, 60])).toThrow(`it is "${text}"`);
  }
});

test.each(["PGHOST", "PGDATABASE", "PGUSER"])("the database's %s must be there and not be empty", (name) => {
  for (const value of [undefined, ""]) {
    expect(() => databaseSettings({ ...database, [name]: value })).toThrow(`set ${name}: `);
  }
});

test("the database's port is 5432 unless another one is given, and an empty one is not none", () => {
  expect(databaseSettings({ ...database, PGPORT: undefined }).port).toBe(5432);
  expect(() => databaseSettings({ ...database, PGPORT: "" })).toThrow("set PGPORT to a whole number");
});

test.each(["prefer", "allow"])("PGSSLMODE %s is refused, because nobody could tell what it does", (mode) => {
  expect(() => databaseSettings({ ...database, PGSSLMODE: mode })).toThrow(
    `PGSSLMODE is ${mode}, which may send everything in plain text; set it to disable, require, verify-ca, verify-full`,
  );
});

test("a word that libpq does not know is refused", () => {
  expect(() => databaseSettings({ ...database, PGSSLMODE: "on" })).toThrow('it is "on"');
});

const sslOf = async (env: Env): Promise<unknown> => (await connectionOptions(databaseSettings(env))).ssl;

test("what is verified of the database's certificate is what libpq would verify", async () => {
  const PGSSLROOTCERT = join(folder, "ca.crt");
  await writeFile(PGSSLROOTCERT, "-----BEGIN CERTIFICATE-----");
  const anyName = { checkServerIdentity: expect.any(Function) };
  expect(await sslOf(database)).toBe(false);
  expect(await sslOf({ ...database, PGSSLMODE: "disable", PGSSLROOTCERT })).toBe(false);
  expect(await sslOf({ ...database, PGHOST: "/run/postgresql", PGSSLMODE: "require" })).toBe(false);
  expect(await sslOf({ ...database, PGSSLMODE: "require" })).toEqual({ rejectUnauthorized: false, ...anyName });
  expect(await sslOf({ ...database, PGSSLMODE: "verify-full" })).toEqual({ rejectUnauthorized: true });
  const ca = "-----BEGIN CERTIFICATE-----";
  for (const PGSSLMODE of ["require", "verify-ca"]) {
    expect(await sslOf({ ...database, PGSSLMODE, PGSSLROOTCERT })).toEqual({
      rejectUnauthorized: true,
      ca,
      ...anyName,
    });
  }
  expect(await sslOf({ ...database, PGSSLMODE: "verify-full", PGSSLROOTCERT })).toEqual({
    rejectUnauthorized: true,
    ca,
  });
});

test("a CA file that is not there or empty is none, and one without a certificate is a wrong setting", async () => {
  const PGSSLROOTCERT = join(folder, "none.crt");
  const verified = { ...database, PGSSLMODE: "verify-full", PGSSLROOTCERT };
  const required = { ...database, PGSSLMODE: "require", PGSSLROOTCERT };
  expect(await sslOf(verified)).toEqual({ rejectUnauthorized: true });
  expect(await sslOf(required)).toMatchObject({ rejectUnauthorized: false });
  await writeFile(PGSSLROOTCERT, "\n");
  expect(await sslOf(verified)).toEqual({ rejectUnauthorized: true });
  await writeFile(PGSSLROOTCERT, "a certificate");
  await expect(sslOf(verified)).rejects.toThrow(`there is no certificate in ${PGSSLROOTCERT}`);
  await expect(sslOf({ ...verified, PGSSLROOTCERT: folder })).rejects.toThrow(`cannot read the CA file ${folder}`);
});

test("a database on a local socket needs no password", async () => {
  const env = { PGHOST: "/run/postgresql", PGDATABASE: "aaa", PGUSER: "aaa" };
  const client = new pg.Client(await connectionOptions(databaseSettings(env)));
  expect(client).toMatchObject({ user: "aaa", host: "/run/postgresql", port: 5432, database: "aaa" });
});

test("a broker's URL says where it is, and nothing about who comes", () => {
  const plain = { protocol: "amqp", host: "broker", port: 5670, vhost: "aaa", credentialsDir: folder };
  expect(brokerSettings(broker)).toEqual(plain);
  expect(brokerSettings({ ...broker, BROKER_URL: "amqps://broker.shop/a%2Fb" })).toEqual({
    ...plain,
    protocol: "amqps",
    host: "broker.shop",
    port: 5671,
    vhost: "a/b",
  });
  for (const user of ["aaa", "aaa:secret", ":secret"]) {
    const named = (): unknown => brokerSettings({ ...broker, BROKER_URL: `amqp://${user}@broker/aaa` });
    expect(named).toThrow("they belong into the files username and password in BROKER_CREDENTIALS_DIR");
    expect(named).not.toThrow("secret");
  }
  for (const [url, fault] of [
    ["broker", "BROKER_URL is not a URL"],
    ["https://broker/aaa", "set BROKER_URL: "],
    ["amqp:///aaa", "set BROKER_URL: "],
  ] as const) {
    expect(() => brokerSettings({ ...broker, BROKER_URL: url })).toThrow(fault);
  }
});

test("the broker's CA is the one beside the credentials, if there is one", async () => {
  const files = { username: "aaa", password: "p@ss/w:rd %41\n" };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  await rm(join(folder, "ca.crt"), { force: true });
  const credentials = { username: "aaa", password: "p@ss/w:rd %41", ca: null };
  expect(await readCredentials(folder)).toEqual(credentials);
  await writeFile(join(folder, "ca.crt"), "\n");
  expect(await readCredentials(folder)).toEqual(credentials);
  await writeFile(join(folder, "ca.crt"), "PEM\n");
  expect(await readCredentials(folder)).toEqual({ ...credentials, ca: "PEM" });
});
