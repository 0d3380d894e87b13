import { randomBytes } from "node:crypto";
import { chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerCertificate } from "./certificate.ts";
import { type Container, startContainer } from "./container.ts";
import { ownedFolder, removeFolder, USER } from "./folders.ts";
import { type Management, managementOf } from "./management.ts";
import { freePorts } from "./ports.ts";

const HOST = "127.0.0.1";

/** Where a RabbitMQ answers, and its administrator. */
export interface RabbitmqAddress {
  readonly host: string;
  readonly port: number;
  readonly managementPort: number;
  readonly adminUser: string;
  readonly adminPassword: string;
  /** Where it answers with TLS as `localhost`, and the PEM of the CA that signed its certificate. */
  readonly tls?: { readonly port: number; readonly ca: string };
}

/** A one-node RabbitMQ of the project's image, with the management plugin, on free ports of 127.0.0.1. */
export interface Rabbitmq extends RabbitmqAddress, AsyncDisposable {
  readonly management: Management;
  /** The process that all of the broker's descend from. */
  readonly pid: number;
  /** Ends the broker and removes its data. */
  stop(): Promise<void>;
  /** Ends the broker, gently or as a power cut would; `start` brings it back with its data on the same ports. */
  down(how?: "gently" | "kill"): Promise<void>;
  start(): Promise<void>;
  restart(): Promise<void>;
}

/** What makes a broker a member of a cluster of this machine. */
interface Membership {
  readonly port: number;
  /** The ports of all members, which their names are made of. */
  readonly ports: readonly number[];
  readonly epmdPort: number;
  readonly cookie: string;
}

/** Brokers that are one cluster; they start together. */
export async function startRabbitmqCluster(size: number): Promise<Rabbitmq[]> {
  const [epmdPort = 0, ...ports] = await freePorts(size + 1);
  const cookie = randomBytes(12).toString("hex");
  const starting = ports.map((port) => startRabbitmq(undefined, { port, ports, epmdPort, cookie }));
  const started = await Promise.allSettled(starting);
  const brokers = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (brokers.length === size) return brokers;
  await Promise.all(brokers.map((broker) => broker.stop()));
  throw started.find((one) => one.status === "rejected")?.reason;
}

/**
 * @param certificate with it the broker listens with TLS too
 * @param membership with it the broker waits for the others of its cluster
 */
export async function startRabbitmq(certificate?: ServerCertificate, membership?: Membership): Promise<Rabbitmq> {
  const [ownPort = 0, managementPort = 0, ownEpmdPort = 0, distributionPort = 0, tlsPort = 0] = await freePorts(5);
  const { port, epmdPort } = membership ?? { port: ownPort, epmdPort: ownEpmdPort };
  const tls = certificate === undefined ? {} : { tls: { port: tlsPort, ca: certificate.ca } };
  const address = { host: HOST, port, managementPort, adminUser: "admin", adminPassword: "admin", ...tls };
  const data = await ownedFolder();
  const config = await ownedFolder();
  await writeFile(join(config, "rabbitmq.conf"), configuration(address, membership?.ports ?? []));
  await writeFile(join(config, "enabled_plugins"), "[rabbitmq_management].\n");
  if (certificate !== undefined) {
    await writeFile(join(config, "server.crt"), certificate.certificate);
    await writeFile(join(config, "server.key"), certificate.key);
  }
  if (membership !== undefined) await writeCookie(data, membership.cookie);
  const management = managementOf(address);
  let container: Container | undefined;

  const start = async (): Promise<void> => {
    container = await startContainer({
      image: "rabbitmq",
      environment: {
        RABBITMQ_NODENAME: nodeName(port),
        RABBITMQ_DIST_PORT: String(distributionPort),
        // As the operator has it, and on this machine alone.
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
          "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
        ERL_EPMD_ADDRESS: HOST,
        ERL_EPMD_PORT: String(epmdPort),
      },
      mounts: { [data]: "/var/lib/rabbitmq", [config]: "/etc/rabbitmq" },
    });
    await container.until("listens", () => management("GET", `/health/checks/port-listener/${port}`));
  };
  const down = async (how: "gently" | "kill" = "gently"): Promise<void> => {
    if (how === "gently") return container?.stop();
    await container?.signal("SIGKILL");
    await container?.exited;
  };
  const stop = async (): Promise<void> => {
    await down();
    await removeFolder(data);
    await removeFolder(config);
  };

  await start().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    ...address,
    management,
    get pid() {
      return container?.pid ?? 0;
    },
    start,
    down,
    stop,
    restart: async () => {
      await down();
      await start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

const nodeName = (port: number): string => `test${port}@localhost`;

/** Erlang takes no cookie that others may read. */
async function writeCookie(data: string, cookie: string): Promise<void> {
  const path = join(data, ".erlang.cookie");
  await writeFile(path, cookie, { mode: 0o400 });
  if (process.getuid?.() === 0) await chown(path, USER, USER);
}

function configuration(address: RabbitmqAddress, members: readonly number[]): string {
  return [
    `listeners.tcp.1 = ${HOST}:${address.port}`,
    ...(address.tls === undefined ? [] : tlsConfiguration(address.tls.port)),
    `management.tcp.ip = ${HOST}`,
    `management.tcp.port = ${address.managementPort}`,
    `default_user = ${address.adminUser}`,
    `default_pass = ${address.adminPassword}`,
    ...(members.length === 0 ? [] : ["cluster_formation.peer_discovery_backend = classic_config"]),
    ...members.map((port, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${nodeName(port)}`),
    "",
  ].join("\n");
}

function tlsConfiguration(port: number): string[] {
  return [
    `listeners.ssl.1 = ${HOST}:${port}`,
    "ssl_options.certfile = /etc/rabbitmq/server.crt",
    "ssl_options.keyfile = /etc/rabbitmq/server.key",
    // No client has a certificate, and without these lines the broker wants a CA to check theirs with.
    "ssl_options.verify = verify_none",
    "ssl_options.fail_if_no_peer_cert = false",
  ];
}
