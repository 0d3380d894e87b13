import type { WrittenEvent } from "@aaa-cluster/contract";

/** A message has no more events than this, and no more of their text, in UTF-16 code units, if they are more than one. */
const MESSAGE_EVENTS = 256;
const MESSAGE_LENGTH = 128 * 1024;

/** Pure: how events that follow each other are divided into messages. */
export function messagesOf(events: readonly WrittenEvent[]): WrittenEvent[][] {
  const messages: WrittenEvent[][] = [];
  let length = 0;
  for (const event of events) {
    const message = messages.at(-1);
    length += event.body.length;
    if (message === undefined || message.length === MESSAGE_EVENTS || length > MESSAGE_LENGTH) {
      messages.push([event]);
      length = event.body.length;
    } else message.push(event);
  }
  return messages;
}

const TIME = '"eventTime":"';

/** When OSS took the change of an event, in ms of its clock, from its text alone: to parse all of it takes far longer. */
export function takenAt(body: string): number {
  const from = body.indexOf(TIME) + TIME.length;
  return Date.parse(body.slice(from, body.indexOf('"', from)));
}
