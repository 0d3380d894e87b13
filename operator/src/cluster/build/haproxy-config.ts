import { PORTS } from "../names.ts";
import type { Gateway } from "./gateways.ts";

/** AMQP connections are quiet while a publisher is blocked, so only hours of silence count as dead. */
const TCP_SECTION = `
defaults tcp
  mode tcp
  log global
  option dontlognull
  option clitcpka
  option srvtcpka
  option redispatch
  timeout connect 5s
  timeout client 3h
  timeout server 3h
  timeout check 2s
`;

const HTTP_SECTION = `
defaults http
  mode http
  log global
  option dontlognull
  option redispatch 1
  retries 2
  retry-on conn-failure
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 5s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout check 2s
`;

/** HAProxy's own health: ready while at least one server behind it is. */
const HEALTH_SECTION = `
defaults health
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s

frontend health from health
  bind :${PORTS.haproxyHealth}
  acl nobody nbsrv(servers) eq 0
  http-request return status 200 content-type text/plain string "alive" if { path /livez }
  http-request return status 503 content-type text/plain string "no server is up" if { path /readyz } nobody
  http-request return status 200 content-type text/plain string "ready" if { path /readyz }
  http-request use-service prometheus-exporter if { path /metrics }
`;

/**
 * The configuration of one gateway. Servers are found by DNS and checked by HAProxy itself, so pods come and go
 * without a reload. A server that goes down has its sessions closed, so that clients connect anew elsewhere.
 */
export function haproxyConfig({ port, backend }: Gateway): string {
  const { mode, host, slots } = backend;
  return `global
  log stdout format raw local0 notice
  maxconn 4000
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
  bind :${port}
  default_backend servers

backend servers from ${mode}
  balance leastconn
${mode === "http" ? "  option httpchk GET /readyz\n  http-check expect status 200\n" : ""}\
  default-server check inter 1s fall 2 rise 1 on-marked-down shutdown-sessions resolvers cluster init-addr none
  server-template server ${slots} ${host}:${backend.port}
${HEALTH_SECTION}`;
}
