import { DEFAULT_OSS_EXCHANGE, encode, partitionQueue, STREAM_POSITION } from "@aaa-cluster/contract";
import { type ConfirmChannel, connect } from "amqplib";
import type { FreshVhost } from "../../services/fresh.ts";
import { EPOCH, eventAt } from "./events.ts";

const UNCONFIRMED = 2_000;

/** Makes the queue of a partition as its node does, and fills it with the beginning of a stream. */
export async function fillQueue(vhost: FreshVhost, partition: string, events: number, devices: number): Promise<void> {
  const connection = await connect(vhost.urlAs("admin"));
  const channel = await connection.createConfirmChannel();
  const queue = partitionQueue(partition);
  const queueArguments = { "x-queue-type": "quorum", "x-single-active-consumer": true };
  await channel.assertQueue(queue, { durable: true, arguments: queueArguments });
  await channel.bindQueue(queue, DEFAULT_OSS_EXCHANGE, "");
  const epoch = EPOCH.toString();
  const position = { eventType: STREAM_POSITION, epoch, originEpoch: epoch, sequence: "0", head: String(events) };
  publish(channel, position);
  for (let sequence = 1; sequence <= events; sequence += 1) {
    publish(channel, eventAt(sequence, devices));
    if (sequence % UNCONFIRMED === 0) await channel.waitForConfirms();
  }
  await channel.waitForConfirms();
  await connection.close();
}

function publish(channel: ConfirmChannel, message: object): void {
  channel.publish(DEFAULT_OSS_EXCHANGE, "", encode(message), { persistent: true, contentType: "application/json" });
}
