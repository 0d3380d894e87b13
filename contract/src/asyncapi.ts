import { AccountingRecord } from "./accounting.ts";
import { type EntityName, entityNames, entityPayloads } from "./entities.ts";
import { EventEnvelope, eventKinds, eventTypeOf, StreamPosition } from "./events.ts";
import {
  ACCOUNTING_EXCHANGE,
  ACCOUNTING_QUEUE,
  ACCOUNTING_ROUTING_KEY,
  DEFAULT_OSS_EXCHANGE,
  partitionQueue,
  REQUESTS_EXCHANGE,
  SNAPSHOT_REQUESTS_QUEUE,
  SNAPSHOT_ROUTING_KEY,
  snapshotQueue,
} from "./names.ts";
import { SNAPSHOT_ROWS_TYPE, SnapshotChunkHeaders, SnapshotEnd, SnapshotRequest, SnapshotRows } from "./snapshot.ts";

// A minor version adds members, types of event and entities, and nothing else (decision 3).
const CONTRACT_VERSION = "1.0.0";
const BINDING_VERSION = "0.3.0";

const events = entityNames.map((entity) => `${entity}Event`);
const snapshotParts = ["SnapshotChunk", "SnapshotEnd"];

/** The contract between OSS and the AAA nodes as an AsyncAPI 3.0 document, from the side of OSS, with JSON Schemas. */
export function asyncapi(): object {
  return {
    asyncapi: "3.0.0",
    info: {
      title: "OSS of an AAA cluster",
      version: CONTRACT_VERSION,
      license: { name: "Apache-2.0" },
      description:
        "What OSS and the AAA nodes say to each other through RabbitMQ. Members that a reader does not know are allowed everywhere. Numbers of 64 bits are decimal texts.",
    },
    defaultContentType: "application/json",
    channels: {
      broadcasts: {
        address: DEFAULT_OSS_EXCHANGE,
        description: `The exchange of the broadcasts, which may have another name. Each node binds its quorum queue ${partitionQueue("<partition>")} to it, with one active consumer. Events that wait together come in one message, as an array of them, in which each follows the one before.`,
        messages: messagesOf([...events, "StreamPosition"]),
        bindings: exchange(DEFAULT_OSS_EXCHANGE, "fanout"),
      },
      snapshotRequests: {
        address: SNAPSHOT_ROUTING_KEY,
        description: `The routing key of snapshot requests. OSS takes them from the quorum queue ${SNAPSHOT_REQUESTS_QUEUE}.`,
        messages: messagesOf(["SnapshotRequest"]),
        bindings: exchange(REQUESTS_EXCHANGE, "direct"),
      },
      snapshots: {
        address: snapshotQueue("{partition}"),
        description: "An exclusive queue that a node makes for one snapshot.",
        parameters: { partition: { description: "The node's name." } },
        messages: messagesOf(snapshotParts),
        bindings: queue(snapshotQueue("{partition}")),
      },
      accounting: {
        address: ACCOUNTING_ROUTING_KEY,
        description: `The routing key of accounting records. OSS takes them from the quorum queue ${ACCOUNTING_QUEUE}.`,
        messages: messagesOf(["AccountingRecord"]),
        bindings: exchange(ACCOUNTING_EXCHANGE, "direct"),
      },
    },
    operations: {
      broadcast: {
        action: "send",
        channel: ref("channels", "broadcasts"),
        summary: "Every change, in the order of commits, persistent and with confirms; and where the stream is.",
      },
      answerSnapshotRequest: {
        action: "receive",
        channel: ref("channels", "snapshotRequests"),
        summary: "Sends every entity as of one place in the stream: chunks, then the end.",
        reply: {
          address: { location: "$message.payload#/replyTo" },
          channel: ref("channels", "snapshots"),
        },
      },
      takeAccountingRecord: {
        action: "receive",
        channel: ref("channels", "accounting"),
        summary: "Stores a record once, however often it comes.",
      },
    },
    components: {
      messages: {
        ...Object.fromEntries(
          [...events, "StreamPosition", "SnapshotRequest", "SnapshotEnd", "AccountingRecord"].map((name) => [
            name,
            { name, payload: ref("components/schemas", name) },
          ]),
        ),
        SnapshotChunk: {
          name: "SnapshotChunk",
          contentType: SNAPSHOT_ROWS_TYPE,
          headers: ref("components/schemas", "SnapshotChunkHeaders"),
          payload: ref("components/schemas", "SnapshotRows"),
        },
      },
      schemas: {
        ...entityPayloads,
        EventEnvelope,
        ...Object.fromEntries(entityNames.map((entity) => [`${entity}Event`, eventSchema(entity)])),
        StreamPosition,
        SnapshotRequest,
        SnapshotChunkHeaders,
        SnapshotRows,
        SnapshotEnd,
        AccountingRecord,
      },
    },
  };
}

function eventSchema(entity: EntityName): object {
  return {
    allOf: [
      ref("components/schemas", "EventEnvelope"),
      {
        type: "object",
        properties: {
          eventType: { type: "string", examples: eventKinds.map((kind) => eventTypeOf(entity, kind)) },
          entity: { const: entity },
          payload: { anyOf: [ref("components/schemas", entity), { type: "null" }] },
        },
      },
    ],
  };
}

const ref = (section: string, name: string): object => ({ $ref: `#/${section}/${name}` });

const messagesOf = (names: readonly string[]): object =>
  Object.fromEntries(names.map((name) => [name, ref("components/messages", name)]));

const exchange = (name: string, type: "fanout" | "direct"): object => ({
  amqp: { is: "routingKey", exchange: { name, type, durable: true }, bindingVersion: BINDING_VERSION },
});

const queue = (name: string): object => ({
  amqp: {
    is: "queue",
    queue: { name, durable: false, exclusive: true, autoDelete: true },
    bindingVersion: BINDING_VERSION,
  },
});
