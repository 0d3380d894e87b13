import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { Client } from "pg";
import { until } from "../test/lib/until.ts";
import { type Container, type ContainerOptions, startContainer } from "../test/services/container.ts";
import { ownedFolder, removeFolder } from "../test/services/folders.ts";
import { freshDatabase, freshVhost } from "../test/services/fresh.ts";
import { freePorts } from "../test/services/ports.ts";
import { libpqEnv, postgresqlUrl, startPostgresql } from "../test/services/postgresql.ts";

// The first run on a machine builds the images.
jest.setTimeout(300_000);

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await removeFolder(folder);
});

async function folder(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const dir = await ownedFolder();
  folders.push(dir);
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content, { mode: 0o644 });
  return dir;
}

/** Runs a container to its end. */
async function ended(options: ContainerOptions): Promise<{ code: number | null; log: string }> {
  const container = await startContainer(options);
  return { code: await container.exited, log: container.log() };
}

test.each(["rabbitmq", "postgresql", "haproxy", "keepalived", "operator"] as const)(
  "the image %s knows user 10001 and needs no writable root",
  async (image) => {
    const script = "id -un; touch /usr/written 2>&1; ls /usr/written 2>&1";
    const { log } = await ended({ image, command: ["sh", "-c", script] });
    expect(log).toMatch(/^aaa\n/);
    expect(log).toContain("Read-only file system");
  },
);

describe("postgresql", () => {
  const options = (data: string, port: number): ContainerOptions => ({
    image: "postgresql",
    args: ["-c", "listen_addresses=127.0.0.1", "-c", `port=${port}`, "-c", "unix_socket_directories=/tmp"],
    environment: { POSTGRES_USER: "aaa", POSTGRES_DB: "box", POSTGRES_HOST_AUTH_METHOD: "trust" },
    mounts: { [data]: "/var/lib/postgresql/data" },
  });

  test("keeps what was committed when it is killed", async () => {
    await using server = await startPostgresql();
    await using database = await freshDatabase(server);
    await withClient(database.url, (client) => client.query("CREATE TABLE kept AS SELECT 7 AS value"));
    await server.down("kill");
    await server.start();
    const { rows } = await withClient(database.url, (client) => client.query("SELECT value FROM kept"));
    expect(rows).toEqual([{ value: 7 }]);
  });

  test("makes its data anew when the first start was killed halfway", async () => {
    const data = await folder();
    const [port = 0] = await freePorts(1);
    const first = await startContainer(options(data, port));
    await until("initdb is at work", () => existsSync(join(data, "pgdata.partial/base")), {
      deadlineMs: 10_000,
      intervalMs: 5,
    });
    await first.signal("SIGKILL");
    await first.exited;
    expect(existsSync(join(data, "pgdata"))).toBe(false);

    await using second = await startContainer(options(data, port));
    const url = postgresqlUrl(port, "box", "aaa");
    await second.until("answers", () => withClient(url, (client) => client.query("SELECT 1")));
    expect(existsSync(join(data, "pgdata.partial"))).toBe(false);
  });

  test("waits until another one that has the same data has ended, and may be ended itself meanwhile", async () => {
    const [data, [port = 0, other = 0]] = [await folder(), await freePorts(2)];
    const url = (of: number): string => postgresqlUrl(of, "box", "aaa");
    const answers = (of: number) => withClient(url(of), (client) => client.query("SELECT 1"));
    const first = await startContainer(options(data, port));
    await first.until("answers", () => answers(port));
    const waits = async (one: Container) => {
      await one.until("waits", async () => expect(one.log()).toContain("waiting for another PostgreSQL"));
    };
    const second = await startContainer(options(data, other));
    await waits(second);
    await second.signal("SIGTERM");
    expect(await second.exited).toBe(143);

    await using third = await startContainer(options(data, other));
    await waits(third);
    await first.signal("SIGKILL");
    await first.exited;
    await third.until("answers", () => answers(other));
  });

  test("leaves data alone that it did not make", async () => {
    const data = await folder();
    await mkdir(join(data, "pgdata"));
    await writeFile(join(data, "pgdata/precious"), "");
    const { code, log } = await ended(options(data, 1));
    expect(code).not.toBe(0);
    expect(log).toContain("Directory not empty");
    expect(existsSync(join(data, "pgdata/precious"))).toBe(true);
  });

  test("asks for the password of the file over TCP", async () => {
    const [data, secret, [port = 0]] = [await folder(), await folder({ password: "right" }), await freePorts(1)];
    const { environment: _, mounts, ...rest } = options(data, port);
    await using server = await startContainer({
      ...rest,
      environment: { POSTGRES_USER: "oss", POSTGRES_PASSWORD_FILE: "/run/secret/password" },
      mounts: { ...mounts, [secret]: "/run/secret" },
    });
    const url = (password: string): string => `postgresql://oss:${password}@127.0.0.1:${port}/oss`;
    await server.until("answers", () => withClient(url("right"), (client) => client.query("SELECT 1")));
    await expect(withClient(url("wrong"), (client) => client.query("SELECT 1"))).rejects.toThrow("password");
  });

  test("says what it needs when it was given no way to authenticate", async () => {
    const { environment: _, ...rest } = options(await folder(), 1);
    const { code, log } = await ended(rest);
    expect({ code, log }).toEqual({ code: 1, log: expect.stringContaining("set POSTGRES_PASSWORD_FILE, or") });
  });
});

test.each([
  ["defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nlisten x\n  bind :5670\n", 0],
  ["listen x\n  bind nonsense\n", 1],
])("haproxy 3.0 judges the configuration %j", async (configuration, code) => {
  const config = await folder({ "haproxy.cfg": configuration });
  const command = ["haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"];
  expect(await ended({ image: "haproxy", command, mounts: { [config]: "/etc/haproxy" } })).toMatchObject({ code });
});

test.each([
  [100, 0],
  [999, 5],
])("keepalived 2.3 judges a virtual router with priority %d", async (priority, code) => {
  const timing = `state BACKUP\n virtual_router_id 51\n priority ${priority}\n advert_int 1`;
  const addresses = "unicast_src_ip 127.0.0.1\n unicast_peer {\n 127.0.0.2\n 127.0.0.3\n }";
  const virtual = "virtual_ipaddress {\n 127.0.0.9/32 dev lo\n }";
  const text = `vrrp_instance aaa {\n ${timing}\n ${addresses}\n ${virtual}\n}\n`;
  const config = await folder({ "keepalived.conf": text });
  const command = ["keepalived", "--config-test", "--use-file=/run/config/keepalived.conf"];
  expect(await ended({ image: "keepalived", command, mounts: { [config]: "/run/config" } })).toMatchObject({ code });
});

describe("the services start from their bundles", () => {
  test.each(["node-service", "oss-service"] as const)("%s answers on /livez", async (image) => {
    await using database = await freshDatabase();
    await using vhost = await freshVhost();
    const [port = 0] = await freePorts(1);
    const role = image === "node-service" ? vhost.node : vhost.oss;
    const key = { kty: "oct", kid: "1", alg: "HS256", k: Buffer.alloc(32, 1).toString("base64url") };
    const files = {
      username: role.username,
      password: role.password,
      token: "t",
      "jwks.json": JSON.stringify({ keys: [key] }),
    };
    await using service = await startContainer({
      image,
      mounts: { [await folder(files)]: "/run/given" },
      environment: {
        HOST: "127.0.0.1",
        PORT: String(port),
        BROKER_URL: vhost.url,
        BROKER_CREDENTIALS_DIR: "/run/given",
        ...libpqEnv(database.url),
        DATABASE_PASSWORD_FILE: "/run/given/password",
        PARTITION: "tv-aaa-0",
        INSTANCE: "tv-oss-0",
        SIGNING_KEYS_FILE: "/run/given/jwks.json",
        API_TOKEN_FILE: "/run/given/token",
      },
    });
    await service.until("answers", async () => {
      const response = await fetch(`http://127.0.0.1:${port}/livez`);
      if (!response.ok) throw new Error(`/livez: ${response.status}`);
    });
  });

  test("the operator says what it is missing", async () => {
    const { code, log } = await ended({ image: "operator" });
    expect({ code, log }).toEqual({ code: 1, log: expect.stringContaining("environment variables") });
  });
});

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
