import { hashOf } from "../../kube/index.ts";
import { hostAndPort } from "../pods.ts";
import type { Gateway } from "./gateways.ts";

/** Each keeps its connections until they end, which may take months; the oldest is ended when there are more. */
const MOST_OLD_WORKERS = 10;

/** Where HAProxy finds the certificate and the key for its clients, as files of a Secret. */
export const TLS_DIR = "/etc/haproxy-tls";

/** The key of tls.crt is in tls.key. */
const TLS_OPTIONS = `\
  ssl-load-extra-del-ext
  ssl-default-bind-options ssl-min-ver TLSv1.2
`;

/** AMQP connections are quiet while a publisher is blocked, so only hours of silence count as dead. */
const TCP_SECTION = `
defaults tcp
  mode tcp
  log global
  load-server-state-from-file global
  option dontlognull
  option clitcpka
  clitcpka-idle 60s
  clitcpka-intvl 10s
  clitcpka-cnt 3
  option srvtcpka
  srvtcpka-idle 60s
  srvtcpka-intvl 10s
  srvtcpka-cnt 3
  option redispatch
  timeout connect 5s
  timeout client 3h
  timeout server 3h
  timeout check 2s
`;

/**
 * What is sent again goes to another server, and the second of two new ones may still refuse it. A worker that ends lets
 * an idle client send once more, and tells it then.
 */
const HTTP_SECTION = `
defaults http
  mode http
  log global
  load-server-state-from-file global
  option dontlognull
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response 503
  option idle-close-on-response
  timeout connect 500ms
  timeout client 60s
  timeout server 60s
  timeout queue 5s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout check 2s
`;

/** A server that was reached may have done what it was asked, so what is not known to be harmless twice is sent once. */
const SEND_ONCE = `
  http-request disable-l7-retry unless METH_GET or { req.hdr(idempotency-key) -m found }`;

/** A node answers a box or turns it away within a second. One that stands still has taken connections that it will not answer. */
const SEND_AGAIN_WHEN_LATE = `
  timeout server 2s
  retry-on conn-failure empty-response response-timeout 503`;

const READYZ_CHECK = `
  option httpchk GET /readyz
  http-check expect status 200`;

/** A broker that hangs still accepts connections, but does not begin with Connection.Start of AMQP 0-9-1. */
const amqpCheck = (tls: boolean): string => `
  option tcp-check
  tcp-check connect${tls ? " ssl" : ""}
  tcp-check send-binary 414d515000000901
  tcp-check expect rbinary ^01............000A000A`;

/** HAProxy's own health: ready while at least one server behind it is. */
const healthSection = ({ vrrp }: Gateway, version: string): string => `
defaults health
  mode http
  load-server-state-from-file global
  timeout connect 2s
  timeout client 10s
  timeout server 10s

frontend health from health
  bind ":\${HEALTH_PORT}"
  acl nobody nbsrv(servers) eq 0
  http-request return status 200 content-type text/plain string "alive" if { path /livez }
  http-request return status 503 content-type text/plain string "no server is up" if { path /readyz } nobody
  http-request return status 200 content-type text/plain string "ready" if { path /readyz }
  http-request return status 200 content-type application/json lf-string '{"configuration":"${version}","servers":%[nbsrv(servers)]${vrrp === undefined ? "" : `,"virtualIP":"${vrrp.ip}","holds":%[nbsrv(holder)]`}}' if { path /v1/gateway }
  http-request use-service prometheus-exporter if { path /metrics }
${vrrp === undefined ? "" : HOLDER_SECTION}`;

/** Whether it is this one who answers at the virtual IP: the one server of `holder` is up then. */
const HOLDER_SECTION = `\
  http-request return status 200 content-type text/plain string "\${POD_NAME}" if { path /v1/name }

backend holder from health
  timeout check 500ms
  option httpchk GET /v1/name
  http-check expect string "\${POD_NAME}"
  server self "\${VIRTUAL_HEALTH}" check inter 500ms fall 1 rise 1
`;

/**
 * What belongs to the pod, which the configuration names: the pod is made anew with it. So a running HAProxy can take
 * any configuration of its gateway, also the one of the pods that will take its place.
 */
export function haproxyEnvironment({
  port,
  entrancePort,
  healthPort,
  vrrp,
}: Gateway): Readonly<Record<string, string>> {
  return {
    ENTRANCE_PORT: String(entrancePort),
    HEALTH_PORT: String(healthPort),
    ...(vrrp === undefined
      ? {}
      : { VIRTUAL_ENTRANCE: hostAndPort(vrrp.ip, port), VIRTUAL_HEALTH: hostAndPort(vrrp.ip, healthPort) }),
  };
}

/** The configuration of one gateway, which says its own version. */
export function haproxyConfig(gateway: Gateway): string {
  return configOf(gateway, haproxyVersion(gateway));
}

/** What tells configurations of a gateway apart. */
export function haproxyVersion(gateway: Gateway): string {
  return hashOf(configOf(gateway, ""));
}

/**
 * Servers are found by DNS and checked by HAProxy itself, so pods come and go without a reload. A server that cannot be
 * reached is down before the next check says so. A broker that goes down has its connections closed, so that clients
 * connect anew elsewhere; a pod that answers requests answers those that it has, as one that is about to end says that it is
 * not ready. After a reload servers are as they were; those of another protocol have another name, so that they are not.
 */
function configOf(gateway: Gateway, version: string): string {
  const { backend, vrrp, spec } = gateway;
  const { protocol, host, slots } = backend;
  const mode = protocol === "amqp" || protocol === "amqps" ? "tcp" : "http";
  const repeats = mode === "tcp" ? "" : backend.repeatable ? SEND_AGAIN_WHEN_LATE : SEND_ONCE;
  const withTls = spec.tls === undefined ? "" : ` ssl crt ${TLS_DIR}/tls.crt`;
  // An address that another one holds now can be bound too, without any capability.
  const virtual = vrrp === undefined ? "" : `  bind "\${VIRTUAL_ENTRANCE}" transparent${withTls}\n`;
  return `global
  log stdout format raw local0 notice
  fd-hard-limit 50000
  mworker-max-reloads ${MOST_OLD_WORKERS}
  server-state-file /run/haproxy/servers
${withTls === "" ? "" : TLS_OPTIONS}
resolvers cluster
  parse-resolv-conf
  accepted_payload_size 8192
  resolve_retries 3
  timeout resolve 1s
  timeout retry 1s
  hold valid 2s
  hold obsolete 5s
${mode === "tcp" ? TCP_SECTION : HTTP_SECTION}
frontend entrance from ${mode}
  bind ":\${ENTRANCE_PORT}"${withTls}
${virtual}  default_backend servers

backend servers from ${mode}
  balance leastconn\
${mode === "tcp" ? amqpCheck(protocol === "amqps") : READYZ_CHECK}${repeats}
  default-server check inter 1s fall 2 rise 1${mode === "tcp" ? " on-marked-down shutdown-sessions" : ""} observe layer4 error-limit 3 on-error mark-down resolvers cluster init-addr last,none\
${protocol === "amqps" ? " verify none" : ""}
  server-template ${protocol} ${slots} ${host}:${backend.port}
${healthSection(gateway, version)}`;
}
