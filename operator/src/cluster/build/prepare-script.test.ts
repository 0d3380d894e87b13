import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { aCluster } from "../testing/fixtures.ts";
import { FULL } from "../testing/specs.ts";
import { brokerConfig } from "./broker-config.ts";

/** A pod's folders, in one of the test's own. */
let root: string;
const at = (path: string): string => join(root, path);
const readAt = (path: string): string => readFileSync(at(path), "utf8");

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "prepare-"));
  for (const folder of ["operator/admin", "operator/cookie", "operator/config", "etc/rabbitmq", "var/lib/rabbitmq"]) {
    mkdirSync(at(folder), { recursive: true });
  }
  writeFileSync(at("operator/admin/username"), "operator");
  writeFileSync(at("operator/admin/password"), "pass-word");
  writeFileSync(at("operator/cookie/cookie"), "biscuit");
  rabbitmqctl("echo '{:not_a_cluster_node, no such member}' >&2; exit 69");
});

/** What rabbitmqctl does; it keeps what it was asked. */
function rabbitmqctl(does: string): void {
  mkdirSync(at("bin"), { recursive: true });
  writeFileSync(at("bin/rabbitmqctl"), `#!/bin/sh\necho "$@" >> ${at("asked")}\n${does}\n`, { mode: 0o755 });
}

afterEach(() => rmSync(root, { recursive: true, force: true }));

const NODE = (ordinal: number): string => `rabbit@tv-broker-${ordinal}.tv-broker-nodes.aaa.svc.cluster.local`;

/**
 * Runs the script as the broker of this ordinal.
 * @param up the brokers that answer. Whoever waits finds the first one up after that.
 */
function run(ordinal: number, up: readonly number[], spec = {}) {
  const files = brokerConfig(aCluster(spec));
  for (const [name, text] of Object.entries(files)) writeFileSync(at(join("operator/config", name)), text);
  writeFileSync(at("up"), up.map((one) => `${one}\n`).join(""));
  const script = (files["prepare.sh"] ?? "")
    .replaceAll(/\/(?=operator\/|etc\/rabbitmq|var\/lib\/rabbitmq)/g, `${root}/`)
    .replace(/^answers\(\) .*$/m, `answers() { grep -qx "$1" ${root}/up; }; sleep() { echo 0 >> ${root}/up; }`);
  const env = {
    PATH: `${at("bin")}:${process.env.PATH}`,
    POD_NAME: `tv-broker-${ordinal}`,
    RABBITMQ_NODENAME: NODE(ordinal),
  };
  writeFileSync(at("prepare.sh"), script);
  return spawnSync("bash", ["--norc", at("prepare.sh")], { env, encoding: "utf8" });
}

/** The same, which must succeed. Returns what it printed. */
function prepare(...broker: Parameters<typeof run>): string {
  const { status, stderr, stdout } = run(...broker);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

/** The brokers that RabbitMQ is told to form a cluster with, in the order in which it tries them. */
const peers = (): readonly string[] =>
  readAt("etc/rabbitmq/conf.d/20-peers.conf")
    .trimEnd()
    .split("\n")
    .map((line, index) => line.replace(`cluster_formation.classic_config.nodes.${index + 1} = `, ""));

test("the first broker begins alone when no other answers", () => {
  expect(prepare(0, [])).toBe("");
  expect(peers()).toEqual([NODE(0)]);
});

test("the first broker without its volume joins those that answer, and begins no second cluster", () => {
  prepare(0, [1, 8]);
  expect(peers()).toEqual([NODE(1), NODE(8), NODE(0)]);
});

test("a new broker waits for the first one, saying so, and joins it", () => {
  expect(prepare(2, [1])).toBe("waiting for the first broker, tv-broker-0.tv-broker-nodes.aaa.svc.cluster.local\n");
  expect(peers()).toEqual([NODE(0), NODE(2)]);
});

test("a broker that has its volume waits for nobody, since after an outage each may need any other", () => {
  mkdirSync(at(`var/lib/rabbitmq/mnesia/${NODE(2)}`), { recursive: true });
  expect(prepare(2, [])).toBe("");
  expect(peers()).toEqual([NODE(0), NODE(2)]);
});

test("a broker without its volume is forgotten by the others first, who would refuse another one of its name", () => {
  rabbitmqctl(`[ -e ${"$0"}.once ] || { touch $0.once; echo 'nodedown' >&2; exit 69; }`);
  expect(prepare(1, [0])).toBe(
    "waiting until tv-broker-0.tv-broker-nodes.aaa.svc.cluster.local forgets what this broker was\n",
  );
  const asked = `--longnames --node ${NODE(0)} forget_cluster_node ${NODE(1)}\n`;
  expect(readAt("asked")).toBe(asked + asked);
});

test("nobody is asked to forget a broker that has its volume, or that begins alone", () => {
  prepare(0, []);
  mkdirSync(at(`var/lib/rabbitmq/mnesia/${NODE(2)}`), { recursive: true });
  prepare(2, [0, 1]);
  expect(existsSync(at("asked"))).toBe(false);
});

test("RabbitMQ finds its configuration, its administrator and the cookie, which nobody else may read", () => {
  prepare(0, []);
  expect(readAt("etc/rabbitmq/rabbitmq.conf")).toBe(readAt("operator/config/rabbitmq.conf"));
  expect(readAt("etc/rabbitmq/enabled_plugins")).toBe(readAt("operator/config/enabled_plugins"));
  expect(readAt("etc/rabbitmq/conf.d/10-admin.conf")).toBe("default_user = operator\ndefault_pass = pass-word\n");
  expect(readAt("var/lib/rabbitmq/.erlang.cookie")).toBe("biscuit");
  expect(statSync(at("var/lib/rabbitmq/.erlang.cookie")).mode & 0o777).toBe(0o400);
});

test("lines of the spec come last, so that they go over those of the operator", () => {
  prepare(0, [], FULL);
  expect(readAt("etc/rabbitmq/conf.d/90-additional.conf")).toBe("heartbeat = 20\n");
});

test("a pod whose containers start anew prepares as if it were new", () => {
  prepare(0, [1], FULL);
  prepare(0, [], FULL);
  expect(peers()).toEqual([NODE(0)]);
});

test("a broker without the cookie does not start", () => {
  rmSync(at("operator/cookie/cookie"));
  expect(run(0, []).status).not.toBe(0);
});
