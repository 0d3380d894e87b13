import type { Effects } from "../../gateways/load.ts";
import { median } from "../../lib/statistics.ts";

/** What one fault did, each time that it struck. */
export interface Result {
  readonly name: string;
  readonly effects: readonly Effects[];
}

const COLUMNS = ["median", "max", "two holders", "bare failed", "boxes failed", "given up"] as const;
const NAME_WIDTH = 52;
const WIDTH = 13;

/** The first line of the table; times are seconds, requests are sums of all times that a fault struck. */
export function heading(): string {
  return line("not answered for", COLUMNS);
}

export function rowOf({ name, effects }: Result): string {
  const outages = outagesOf({ effects });
  const cells = [
    inSeconds(median(outages)),
    inSeconds(Math.max(...outages)),
    inSeconds(Math.max(...effects.map(({ heldTwiceMs }) => heldTwiceMs))),
    `${sumOf({ effects }, ({ bare }) => bare.failed)}/${sumOf({ effects }, ({ bare }) => bare.asked)}`,
    String(sumOf({ effects }, ({ boxes }) => Object.values(boxes.failures).reduce((sum, count) => sum + count, 0))),
    String(sumOf({ effects }, ({ boxes }) => boxes.givenUp)),
  ];
  const each = outages.map(inSeconds).join(" ");
  return [line(name, cells), `    each ${each}`, ...kindsOf(effects)].join("\n");
}

/** How long nobody was answered each time, in milliseconds. */
export function outagesOf({ effects }: Pick<Result, "effects">): number[] {
  return effects.map(({ outageMs }) => outageMs);
}

export function sumOf({ effects }: Pick<Result, "effects">, figure: (one: Effects) => number): number {
  return effects.reduce((sum, one) => sum + figure(one), 0);
}

/** Why requests failed, and when after the fault. */
function kindsOf(effects: readonly Effects[]): string[] {
  const all = effects.flatMap(({ bare }) => Object.entries(bare.kinds));
  return [...Map.groupBy(all, ([kind]) => kind)].map(([kind, found]) => {
    const counts = found.map(([, { count }]) => count);
    const first = Math.min(...found.map(([, { firstMs }]) => firstMs));
    const last = Math.max(...found.map(([, { lastMs }]) => lastMs));
    const sum = counts.reduce((total, count) => total + count, 0);
    return `    ${sum} bare requests: ${kind}, ${inSeconds(first)} to ${inSeconds(last)} s after it`;
  });
}

const inSeconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(2);

function line(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(WIDTH)).join("")}`;
}
