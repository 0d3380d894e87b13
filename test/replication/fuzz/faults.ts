import { partitionQueue } from "@aaa-cluster/contract";
import { until } from "../../lib/until.ts";
import type { Rabbitmq } from "../../services/rabbitmq.ts";
import { endRelaySession } from "../stack.ts";
import type { Fault, FaultKind } from "./plan.ts";
import type { World } from "./world.ts";

/** Undoes a fault. It waits until that is done, whatever else is broken at that moment. */
type Heal = () => Promise<void>;

const HEAL_DEADLINE = { deadlineMs: 90_000, intervalMs: 200 };
const FULL_AT = 3;
const FANOUT = "oss_exchange";

/** Makes the fault of a plan happen and returns how it is healed. Rejects when it could not happen at this moment. */
export function inject(world: World, { kind, target }: Fault): Promise<Heal> {
  return faults[kind](world, target);
}

const faults: Record<FaultKind, (world: World, target: string) => Promise<Heal>> = {
  async kill(world, target) {
    await world.process(target).kill();
    return () => world.process(target).start();
  },

  async stop(world, target) {
    world.process(target).signal("SIGTERM");
    return () => restart(world, target);
  },

  async pause(world, target) {
    world.process(target).signal("SIGSTOP");
    return async () => world.process(target).signal("SIGCONT");
  },

  async cut(world, target) {
    world.gate(target).close();
    return async () => world.gate(target).open();
  },

  async silence(world, target) {
    world.gate(target).silence();
    return async () => world.gate(target).open();
  },

  async "delete-queue"(world, target) {
    const { management, name } = world.stack.vhost;
    await management("DELETE", `/queues/${name}/${partitionQueue(target)}`);
    return async () => {};
  },

  async unbind(world, target) {
    const { management, name } = world.stack.vhost;
    const bindings = `/bindings/${name}/e/${FANOUT}/q/${partitionQueue(target)}`;
    await management("DELETE", `${bindings}/~`);
    // As the operator does.
    return () => surely(`${target} is bound`, () => management("POST", bindings, {}));
  },

  async overflow(world, target) {
    await world.limitQueue(target, { overflow: "drop-head", "max-length": FULL_AT });
    world.process(target).signal("SIGTERM");
    return async () => {
      await surely("the queue is not limited", () => world.limitQueue(target, null));
      await restart(world, target);
    };
  },

  "database-stop": (world, target) => databaseDown(world, target, "fast"),
  "database-kill": (world, target) => databaseDown(world, target, "kill"),

  async "database-lost"(world, target) {
    await world.loseDatabase(target);
    return async () => {};
  },

  async "pod-lost"(world, target) {
    const { server } = world.database(target);
    await server.down("kill");
    return async () => {
      await world.process(target).kill();
      await server.start();
      await world.process(target).start();
    };
  },

  async "switch-relay"(world, target) {
    await endRelaySession(world.database(target).url);
    return async () => {};
  },

  "broker-stop": (world, target) => brokerDown(world.broker(target), "gently"),
  "broker-kill": (world, target) => brokerDown(world.broker(target), "kill"),
};

/** One that was told to stop and cannot, as its pod would be, is killed in the end. */
async function restart(world: World, target: string): Promise<void> {
  await world.process(target).kill();
  await world.process(target).start();
}

async function databaseDown(world: World, target: string, how: "fast" | "kill"): Promise<Heal> {
  const { server } = world.database(target);
  await server.down(how);
  return () => server.start();
}

async function brokerDown(broker: Rabbitmq, how: "gently" | "kill"): Promise<Heal> {
  await broker.down(how);
  return () => broker.start();
}

async function surely(what: string, work: () => Promise<unknown>): Promise<void> {
  const done = async (): Promise<boolean> => {
    await work();
    return true;
  };
  await until(what, done, HEAL_DEADLINE);
}
