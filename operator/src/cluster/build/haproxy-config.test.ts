import { expect, test } from "@jest/globals";
import { aCluster, gatewayOf } from "../testing/fixtures.ts";
import { WITH_HTTPS, WITH_TLS } from "../testing/specs.ts";
import { type Gateway, gatewaysOf } from "./gateways.ts";
import { haproxyConfig, haproxyEnvironment, haproxyVersion } from "./haproxy-config.ts";

/** The lines of each section of a gateway's configuration, by the section's first line. */
function sections(component: Gateway["component"], spec = {}): ReadonlyMap<string, readonly string[]> {
  const blocks = haproxyConfig(gatewayOf(component, spec)).trim().split(/\n\n+/);
  return new Map(
    blocks.map((block) => {
      const [heading = "", ...lines] = block.split("\n");
      return [heading, lines.map((line) => line.trim())];
    }),
  );
}

const COMPONENTS = ["broker-gateway", "oss-gateway", "aaa-gateway"] as const;
const HTTP = ["oss-gateway", "aaa-gateway"] as const;

test.each([
  ["broker-gateway", "tcp", "5670", "amqp 9 tv-broker-nodes.aaa.svc.cluster.local:5672"],
  ["oss-gateway", "http", "6070", "http 5 tv-oss-nodes.aaa.svc.cluster.local:6700"],
  ["aaa-gateway", "http", "6060", "http 50 tv-aaa-nodes.aaa.svc.cluster.local:6600"],
] as const)("%s speaks %s and passes on to every pod behind it", (component, mode, port, servers) => {
  const config = sections(component);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy's variable
  expect(config.get(`frontend entrance from ${mode}`)).toEqual(['bind ":${ENTRANCE_PORT}"', "default_backend servers"]);
  expect(haproxyEnvironment(gatewayOf(component))).toEqual({ ENTRANCE_PORT: port, HEALTH_PORT: "8404" });
  expect(config.get(`backend servers from ${mode}`)).toContain(`server-template ${servers}`);
  expect([...config.keys()]).toEqual([
    "global",
    "resolvers cluster",
    `defaults ${mode}`,
    `frontend entrance from ${mode}`,
    `backend servers from ${mode}`,
    "defaults health",
    "frontend health from health",
  ]);
});

test("the broker gateway passes TLS on without a look into it", () => {
  const backend = sections("broker-gateway", WITH_TLS).get("backend servers from tcp");
  expect(backend).toContain("server-template amqps 9 tv-broker-nodes.aaa.svc.cluster.local:5671");
  const config = haproxyConfig(gatewaysOf(aCluster(WITH_TLS))[0] as Gateway);
  const withTls = config.split("\n").filter((line) => /ssl|crt|verify/.test(line));
  expect(withTls).toEqual([
    "  tcp-check connect ssl",
    expect.stringMatching(/^ {2}default-server check .* verify none$/),
  ]);
});

test.each(HTTP)("%s sends requests only to pods that say they are ready", (component) => {
  expect(sections(component).get("backend servers from http")).toEqual(
    expect.arrayContaining(["option httpchk GET /readyz", "http-check expect status 200"]),
  );
});

test("the broker gateway sends clients only to brokers that begin to speak AMQP", () => {
  expect(sections("broker-gateway").get("backend servers from tcp")).toEqual(
    expect.arrayContaining([
      "option tcp-check",
      "tcp-check connect",
      "tcp-check send-binary 414d515000000901",
      "tcp-check expect rbinary ^01............000A000A",
    ]),
  );
});

test.each(HTTP)("%s sends a request again, to another pod, when one died of it or is not ready", (component) => {
  const defaults = sections(component).get("defaults http");
  expect(defaults).toContain("retry-on conn-failure empty-response 503");
  expect(defaults).toContain("option redispatch 1");
});

test.each(HTTP)("%s takes HTTPS only, of no old TLS, when it has a certificate", (component) => {
  const config = sections(component, WITH_HTTPS);
  expect(config.get("frontend entrance from http")).toEqual([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy's variable
    'bind ":${ENTRANCE_PORT}" ssl crt /etc/haproxy-tls/tls.crt',
    "default_backend servers",
  ]);
  expect(config.get("global")?.slice(-2)).toEqual([
    "ssl-load-extra-del-ext",
    "ssl-default-bind-options ssl-min-ver TLSv1.2",
  ]);
});

test("OSS is sent again only what is harmless twice, and nodes are sent everything", () => {
  const once = "http-request disable-l7-retry unless METH_GET or { req.hdr(idempotency-key) -m found }";
  expect(sections("oss-gateway").get("backend servers from http")).toContain(once);
  expect(sections("aaa-gateway").get("backend servers from http")).not.toContain(once);
});

test.each(COMPONENTS)("%s finds pods by DNS as they come and go, and starts when there is none", (component) => {
  const [, servers] = [...sections(component)].find(([heading]) => heading.startsWith("backend")) ?? [];
  const options = servers?.find((line) => line.startsWith("default-server"));
  for (const option of ["check", "inter 1s", "fall 2", "rise 1", "resolvers cluster", "init-addr last,none"]) {
    expect(options).toContain(option);
  }
  expect(sections(component).get("resolvers cluster")).toContain("parse-resolv-conf");
});

test.each(COMPONENTS)(
  "%s takes a pod that cannot be reached for down, and closes connections to brokers alone",
  (component) => {
    const [, servers] = [...sections(component)].find(([heading]) => heading.startsWith("backend")) ?? [];
    expect(servers?.join()).toContain("observe layer4 error-limit 3 on-error mark-down");
    // A pod that is about to end says that it is not ready, and answers what it has.
    expect(servers?.join().includes("on-marked-down shutdown-sessions")).toBe(component === "broker-gateway");
    expect(servers).toContain("balance leastconn");
  },
);

test("what a node does not answer in time is sent to another one, and what OSS does not is waited for", () => {
  expect(sections("aaa-gateway").get("backend servers from http")).toEqual(
    expect.arrayContaining(["timeout server 2s", "retry-on conn-failure empty-response response-timeout 503"]),
  );
  expect(sections("oss-gateway").get("backend servers from http")?.join()).not.toMatch(/timeout server|retry-on/);
});

test.each(HTTP)("%s lets go of clients that are slow or silent, and of requests that no pod takes", (component) => {
  expect(sections(component).get("defaults http")).toEqual(
    expect.arrayContaining([
      "mode http",
      "timeout http-request 10s",
      "timeout http-keep-alive 60s",
      "timeout client 60s",
      "timeout server 60s",
      "timeout connect 500ms",
      "timeout queue 5s",
      "timeout check 2s",
      "retries 3",
    ]),
  );
});

test.each(COMPONENTS)("%s knows within seconds of pods that came or went, however many there are", (component) => {
  expect(sections(component).get("resolvers cluster")).toEqual(
    expect.arrayContaining([
      "accepted_payload_size 8192",
      "resolve_retries 3",
      "timeout resolve 1s",
      "timeout retry 1s",
      "hold valid 2s",
      "hold obsolete 5s",
    ]),
  );
});

test.each(COMPONENTS)("%s keeps old connections over ten reloads, and logs where Kubernetes looks", (component) => {
  const config = sections(component);
  expect(config.get("global")).toEqual([
    "log stdout format raw local0 notice",
    "fd-hard-limit 50000",
    "mworker-max-reloads 10",
    "server-state-file /run/haproxy/servers",
  ]);
  const defaults = config.get(component === "broker-gateway" ? "defaults tcp" : "defaults http");
  expect(defaults).toEqual(
    expect.arrayContaining(["log global", "option dontlognull", "load-server-state-from-file global"]),
  );
});

test.each(COMPONENTS)("whoever asks %s for its health is answered or let go", (component) => {
  expect(sections(component).get("defaults health")).toEqual([
    "mode http",
    "load-server-state-from-file global",
    "timeout connect 2s",
    "timeout client 10s",
    "timeout server 10s",
  ]);
});

test("connections to the broker may be quiet for hours", () => {
  expect(sections("broker-gateway").get("defaults tcp")).toEqual(
    expect.arrayContaining([
      "mode tcp",
      "timeout client 3h",
      "timeout server 3h",
      ...["option clitcpka", "clitcpka-idle 60s", "clitcpka-intvl 10s", "clitcpka-cnt 3"],
      ...["option srvtcpka", "srvtcpka-idle 60s", "srvtcpka-intvl 10s", "srvtcpka-cnt 3"],
      "option redispatch",
      "timeout connect 5s",
      "timeout check 2s",
    ]),
  );
});

test.each(COMPONENTS)("%s is alive at once, ready while a server is up, and has metrics", (component) => {
  const version = haproxyVersion(gatewayOf(component));
  expect(sections(component).get("frontend health from health")).toEqual([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy's variable
    'bind ":${HEALTH_PORT}"',
    "acl nobody nbsrv(servers) eq 0",
    'http-request return status 200 content-type text/plain string "alive" if { path /livez }',
    'http-request return status 503 content-type text/plain string "no server is up" if { path /readyz } nobody',
    'http-request return status 200 content-type text/plain string "ready" if { path /readyz }',
    `http-request return status 200 content-type application/json lf-string '{"configuration":"${version}","servers":%[nbsrv(servers)]}' if { path /v1/gateway }`,
    "http-request use-service prometheus-exporter if { path /metrics }",
  ]);
});

test("no configuration depends on how many pods are behind a gateway", () => {
  const configs = (replicas: number): string[] =>
    gatewaysOf(aCluster({ broker: { replicas }, nodes: { replicas }, oss: { replicas } })).map(haproxyConfig);
  expect(configs(5)).toEqual(configs(1));
});

test("a configuration says its version, which is another one for every other configuration", () => {
  const versions = [...COMPONENTS.map((component) => gatewayOf(component)), gatewayOf("broker-gateway", WITH_TLS)].map(
    haproxyVersion,
  );
  for (const version of versions) expect(version).toMatch(/^[0-9a-f]{16}$/);
  expect(new Set(versions).size).toBe(4);
});
