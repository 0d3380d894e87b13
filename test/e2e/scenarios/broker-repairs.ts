import { expect, test } from "@jest/globals";
import { sampleSubscribers } from "../../lib/aaa-cluster.ts";
import { until } from "../../lib/until.ts";
import { eventsOf, inBroker, MINUTE_MS, type TheStage } from "./stage.ts";

/** What the issue allows until something that was deleted at the broker is back. */
const BACK_WITHIN_MS = 15_000;
const QUEUE = "aaa.partition.tv-aaa-0";

const resource = (kind: string, name: string): string => `rabbit_misc:r(<<"aaa">>, ${kind}, <<"${name}">>)`;
const evaluate = (expression: string): string[] => ["rabbitmqctl", "eval", `${expression}.`];
const list = (what: string, ...columns: string[]): string[] => [
  "rabbitmqctl",
  `list_${what}`,
  "--quiet",
  ...(what === "users" ? [] : ["--vhost=aaa"]),
  ...columns,
];
const BINDING = `rabbit_binding:list_for_source_and_destination(${resource("exchange", "oss_exchange")}, ${resource("queue", QUEUE)})`;

interface Loss {
  /** What the Event says that was repaired; absent for what a node sets up again itself. */
  readonly event?: string;
  readonly destroy: readonly string[];
  readonly look: readonly string[];
  readonly found: string;
}

const LOSSES: Readonly<Record<string, Loss>> = {
  "the queue of an AAA node": {
    destroy: ["rabbitmqctl", "delete_queue", "--vhost=aaa", QUEUE],
    look: list("queues", "name"),
    found: QUEUE,
  },
  "the binding of a queue": {
    event: `binding of ${QUEUE} to oss_exchange`,
    destroy: evaluate(`[rabbit_binding:remove(B, <<"test">>) || B <- ${BINDING}]`),
    look: evaluate(BINDING),
    found: QUEUE,
  },
  "the exchange": {
    event: "exchange oss_exchange",
    destroy: evaluate(`rabbit_exchange:delete(${resource("exchange", "oss_exchange")}, false, <<"test">>)`),
    look: evaluate(BINDING),
    found: QUEUE,
  },
  "the policy": {
    event: "policy aaa-partitions",
    destroy: ["rabbitmqctl", "clear_policy", "--vhost=aaa", "aaa-partitions"],
    look: list("policies"),
    found: "aaa-partitions",
  },
  "the user of OSS": {
    event: "user oss",
    destroy: ["rabbitmqctl", "delete_user", "oss"],
    look: list("permissions"),
    found: "oss",
  },
  "the user of the nodes": {
    event: "user node",
    destroy: ["rabbitmqctl", "delete_user", "node"],
    look: list("permissions"),
    found: "node",
  },
};

/** Deletes at the broker whatever the operator or a node made there: it is back within seconds, and no broadcast lost. */
export function brokerIsRepaired(stage: TheStage): void {
  let first = 401;

  test.each(Object.entries(LOSSES))(
    "%s that somebody deletes at the broker is back within 15 s, and what OSS takes then reaches every node",
    async (_, { event, destroy, look, found }) => {
      const { tv } = stage();
      await tv.ready(MINUTE_MS);
      await inBroker(stage(), ...destroy);
      await until("it is back", async () => (await inBroker(stage(), ...look)).includes(found), {
        deadlineMs: BACK_WITHIN_MS,
      });
      await tv.provision(sampleSubscribers(first, first + 9));
      first += 10;
      await tv.converged(2, MINUTE_MS);
      if (event !== undefined) {
        const notes = await until(
          "an Event says that it was repaired",
          async () => {
            const events = await eventsOf(stage());
            return events.some(({ reason, note }) => reason === "TopologyRepaired" && note.includes(event)) && events;
          },
          { deadlineMs: MINUTE_MS },
        );
        expect(notes).toBeTruthy();
      }
      await tv.ready(MINUTE_MS);
    },
    4 * MINUTE_MS,
  );

  test(
    "the first broker, of which others wait to hear, joins them as a new one when it lost its volume",
    async () => {
      const { tv } = stage();
      await tv.kubectl.run(["delete", "pvc", "data-tv-broker-0", "--wait=false"]);
      await tv.kubectl.run(["delete", "pod", "tv-broker-0"]);
      await tv.ready(3 * MINUTE_MS);
      const status = await inBroker(stage(), "rabbitmqctl", "cluster_status", "--quiet", "--formatter=json");
      expect((JSON.parse(status) as { running_nodes: string[] }).running_nodes).toHaveLength(3);
      await tv.provision(sampleSubscribers(391, 400));
      await tv.converged(2, MINUTE_MS);
    },
    6 * MINUTE_MS,
  );
}
