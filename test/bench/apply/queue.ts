import {
  DEFAULT_OSS_EXCHANGE,
  encode,
  encodeEvents,
  partitionQueue,
  STREAM_POSITION,
  type WrittenEvent,
} from "@aaa-cluster/contract";
import { type ConfirmChannel, connect } from "amqplib";
import type { FreshVhost } from "../../services/fresh.ts";
import { EPOCH, eventAt } from "./events.ts";

const UNCONFIRMED = 2_000;

/**
 * Makes the queue of a partition as its node does, and fills it with the beginning of a stream.
 * @param perMessage how many events go into a message: 1 as when they come one by one, 256 as when they come all at once
 */
export async function fillQueue(
  vhost: FreshVhost,
  partition: string,
  { events, devices, perMessage }: { events: number; devices: number; perMessage: number },
): Promise<void> {
  const connection = await connect(vhost.urlAs("admin"));
  const channel = await connection.createConfirmChannel();
  const queue = partitionQueue(partition);
  const queueArguments = { "x-queue-type": "quorum", "x-single-active-consumer": true };
  await channel.assertQueue(queue, { durable: true, arguments: queueArguments });
  await channel.bindQueue(queue, DEFAULT_OSS_EXCHANGE, "");
  const epoch = EPOCH.toString();
  const position = { eventType: STREAM_POSITION, epoch, originEpoch: epoch, sequence: "0", head: String(events) };
  publish(channel, encode(position));
  let unconfirmed = 0;
  for (let sequence = 1; sequence <= events; sequence += perMessage) {
    const count = Math.min(perMessage, events - sequence + 1);
    const message = Array.from({ length: count }, (_, index) => writtenEventAt(sequence + index, devices));
    publish(channel, encodeEvents(EPOCH, message));
    unconfirmed += 1;
    if (unconfirmed % UNCONFIRMED === 0) await channel.waitForConfirms();
  }
  await channel.waitForConfirms();
  await connection.close();
}

/** As it is in the outbox of OSS. */
export function writtenEventAt(sequence: number, devices: number): WrittenEvent {
  const { epoch: _, sequence: __, ...body } = eventAt(sequence, devices);
  return { sequence: BigInt(sequence), body: JSON.stringify(body) };
}

function publish(channel: ConfirmChannel, content: Buffer): void {
  channel.publish(DEFAULT_OSS_EXCHANGE, "", content, { persistent: true, contentType: "application/json" });
}
