/** Somebody answered for an address: when (Unix time in milliseconds), and with which hardware address. */
export interface Sighting {
  readonly at: number;
  readonly mac: string;
}

/** Who answers every 10 ms and was not heard for so long does not hold the address meanwhile. A busy machine is late too. */
const SILENCE_MS = 300;

/** Pure: for how many milliseconds two hardware addresses or more answered for one address. */
export function heldTwiceMs(sightings: readonly Sighting[]): number {
  const turns = [...Map.groupBy(sightings, ({ mac }) => mac).values()].flatMap((own) =>
    turnsOf(own.map(({ at }) => at)),
  );
  const edges = turns
    .flatMap(([from, to]) => [
      { at: from, change: 1 },
      { at: to, change: -1 },
    ])
    .toSorted((a, b) => a.at - b.at || a.change - b.change);
  let [holders, since, total] = [0, 0, 0];
  for (const { at, change } of edges) {
    if (holders > 1) total += at - since;
    holders += change;
    since = at;
  }
  return total;
}

/** The times from the first to the last answer of one holder, without the times in which it was silent. */
function turnsOf(times: readonly number[]): [from: number, to: number][] {
  const turns: [number, number][] = [];
  for (const at of times.toSorted((a, b) => a - b)) {
    const last = turns.at(-1);
    if (last !== undefined && at - last[1] <= SILENCE_MS) last[1] = at;
    else turns.push([at, at]);
  }
  return turns;
}
