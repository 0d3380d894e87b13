import {
  ContractError,
  encode,
  isKnownEntity,
  isStreamPosition,
  type ReceivedEvent,
  readBroadcast,
  readMessage,
  readPlace,
  type StreamPosition,
} from "@aaa-cluster/contract";
import { judgeEvent, judgePosition, type Place, type Verdict } from "./watermark.ts";

/** What a message of the partition queue holds, read as far as it can be. */
export type Broadcast =
  | { readonly kind: "event"; readonly event: ReceivedEvent; readonly place: Place }
  | { readonly kind: "position"; readonly position: StreamPosition }
  | Poison;

/** What can never be applied. It still takes its place in the stream, when that can be read. */
export interface Poison {
  readonly kind: "poison";
  readonly reason: string;
  readonly place: Place | null;
  readonly body: Buffer;
}

/** What one transaction makes of a run of broadcasts. */
export interface Plan {
  readonly from: Place;
  readonly to: Place;
  /** At most one for each entity, the newest. */
  readonly upserts: readonly ReceivedEvent[];
  readonly poison: readonly Poison[];
  readonly dropped: number;
  /** How many upserts are of entities that this version does not know. It keeps them for a version that does. */
  readonly unknown: number;
  /** How many broadcasts, from the first, the plan covers. If none, the first one shows a gap. */
  readonly taken: number;
  /** The content digest that OSS has at `to`, when it was told. */
  readonly proof: string | null;
}

/** Reads a message as far as it can be: one event that is broken does not spoil the others. */
export function readAll(body: Buffer): readonly Broadcast[] {
  try {
    return readMessage(body).map(readOne);
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    return [{ kind: "poison", reason: error.message, place: null, body }];
  }
}

function readOne(value: unknown): Broadcast {
  try {
    const broadcast = readBroadcast(value);
    if (isStreamPosition(broadcast)) return { kind: "position", position: broadcast };
    const place = { epoch: BigInt(broadcast.epoch), sequence: BigInt(broadcast.sequence) };
    return { kind: "event", event: broadcast, place };
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    return { kind: "poison", reason: error.message, place: readPlace(value), body: encode(value) };
  }
}

/** Plans broadcasts in queue order, up to the first one that shows a gap or tells the digest there. */
export function planBatch(from: Place, broadcasts: readonly Broadcast[]): Plan {
  const upserts = new Map<string, ReceivedEvent>();
  const poison: Poison[] = [];
  let to = from;
  let dropped = 0;
  let taken = 0;
  let proof: string | null = null;
  for (const broadcast of broadcasts) {
    const verdict = judge(to, broadcast);
    if (verdict === "gap") break;
    taken += 1;
    if (verdict === "drop") dropped += 1;
    else {
      if (broadcast.kind === "poison") poison.push(broadcast);
      if (broadcast.kind === "event") keepNewest(upserts, broadcast.event);
      to = placeAfter(to, broadcast);
    }
    proof = proofAt(to, broadcast);
    if (proof !== null) break;
  }
  const kept = [...upserts.values()];
  const unknown = kept.filter(({ entity }) => !isKnownEntity(entity)).length;
  return { from, to, upserts: kept, poison, dropped, unknown, taken, proof };
}

function judge(mine: Place, broadcast: Broadcast): Verdict {
  if (broadcast.kind === "position") return judgePosition(mine, broadcast.position);
  // Without a place it is only set aside: should it have been an event, the next one shows the gap.
  return broadcast.place === null ? "apply" : judgeEvent(mine, broadcast.place);
}

function placeAfter(mine: Place, broadcast: Broadcast): Place {
  if (broadcast.kind === "position") return { epoch: BigInt(broadcast.position.epoch), sequence: mine.sequence };
  return broadcast.place ?? mine;
}

/** The digest that a position tells of exactly this place. */
function proofAt({ epoch, sequence }: Place, broadcast: Broadcast): string | null {
  if (broadcast.kind !== "position") return null;
  const { position } = broadcast;
  const isHere = BigInt(position.epoch) === epoch && BigInt(position.sequence) === sequence;
  return isHere ? (position.digest ?? null) : null;
}

function keepNewest(upserts: Map<string, ReceivedEvent>, event: ReceivedEvent): void {
  const key = `${event.entity}/${event.entityId}`;
  const earlier = upserts.get(key);
  if (earlier === undefined || BigInt(event.entityVersion) > BigInt(earlier.entityVersion)) upserts.set(key, event);
}
