import { hostAndPort } from "../pods.ts";
import type { VirtualRouter } from "../validate.ts";
import type { Gateway } from "./gateways.ts";

/** AMQP connections are quiet while a publisher is blocked, so only hours of silence count as dead. */
const TCP_SECTION = `
defaults tcp
  mode tcp
  log global
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

/** What is sent again goes to another server, and the second of two new ones may still refuse it. */
const HTTP_SECTION = `
defaults http
  mode http
  log global
  option dontlognull
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response 503
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
const healthSection = ({ healthPort, vrrp }: Gateway): string => `
defaults health
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s

frontend health from health
  bind :${healthPort}
  acl nobody nbsrv(servers) eq 0
  http-request return status 200 content-type text/plain string "alive" if { path /livez }
  http-request return status 503 content-type text/plain string "no server is up" if { path /readyz } nobody
  http-request return status 200 content-type text/plain string "ready" if { path /readyz }
  http-request return status 200 content-type application/json lf-string '{"servers":%[nbsrv(servers)]${vrrp === undefined ? "" : `,"holds":%[nbsrv(holder)]`}}' if { path /v1/gateway }
  http-request use-service prometheus-exporter if { path /metrics }
${vrrp === undefined ? "" : holderSection(healthPort, vrrp)}`;

/** Whether it is this one who answers at the virtual IP: the one server of \`holder\` is up then. */
const holderSection = (healthPort: number, { ip }: VirtualRouter): string => `\
  http-request return status 200 content-type text/plain string "\${POD_NAME}" if { path /v1/name }

backend holder from health
  timeout check 500ms
  option httpchk GET /v1/name
  http-check expect string "\${POD_NAME}"
  server self ${hostAndPort(ip, healthPort)} check inter 500ms fall 1 rise 1
`;

/**
 * The configuration of one gateway. Servers are found by DNS and checked by HAProxy itself, so pods come and go
 * without a reload. A server that cannot be reached is down before the next check says so. A broker that goes down has its
 * connections closed, so that clients connect anew elsewhere; a pod that answers requests answers those that it has, as one
 * that is about to end says that it is not ready.
 */
export function haproxyConfig(gateway: Gateway): string {
  const { port, entrancePort, backend, vrrp } = gateway;
  const { protocol, host, slots } = backend;
  const mode = protocol === "amqp" || protocol === "amqps" ? "tcp" : "http";
  const repeats = mode === "tcp" ? "" : backend.repeatable ? SEND_AGAIN_WHEN_LATE : SEND_ONCE;
  // An address that another one holds now can be bound too, without any capability.
  const virtual = vrrp === undefined ? "" : `  bind ${hostAndPort(vrrp.ip, port)} transparent\n`;
  return `global
  log stdout format raw local0 notice
  fd-hard-limit 50000
  hard-stop-after 10s

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
  bind :${entrancePort}
${virtual}  default_backend servers

backend servers from ${mode}
  balance leastconn\
${mode === "tcp" ? amqpCheck(protocol === "amqps") : READYZ_CHECK}${repeats}
  default-server check inter 1s fall 2 rise 1${mode === "tcp" ? " on-marked-down shutdown-sessions" : ""} observe layer4 error-limit 3 on-error mark-down resolvers cluster init-addr none\
${protocol === "amqps" ? " verify none" : ""}
  server-template server ${slots} ${host}:${backend.port}
${healthSection(gateway)}`;
}
