import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Habits } from "./habits.ts";
import { Household, type Identity } from "./household.ts";
import { type Report, Tally } from "./tally.ts";

/** What happens to all boxes at once. */
export type Phase =
  /** Every box is admitted once, some at a time: deriving the keys of a password would slow the storm down. */
  | { readonly name: "install" }
  /** All boxes are switched on within so long. */
  | { readonly name: "boot"; readonly withinMs: number }
  /** People watch. */
  | { readonly name: "watch"; readonly forMs: number }
  /** The power is away for so long; then all boxes are back within `withinMs`. */
  | { readonly name: "power cut"; readonly forMs: number; readonly withinMs: number }
  /** All boxes are switched off. */
  | { readonly name: "off" };

export interface Scenario {
  readonly gatewayUrl: string;
  readonly boxes: readonly Identity[];
  readonly phases: Iterable<Phase>;
  readonly habits: Habits;
  readonly seed: number;
  readonly run: string;
  readonly timeoutMs: number;
  readonly patienceMs: number;
}

/** What became of one phase. A request is counted in the phase in which it ends. */
export interface PhaseReport extends Report {
  readonly phase: Phase["name"];
  readonly seconds: number;
  /** Boxes that are on at its end. */
  readonly boxesOn: number;
  /** This process itself was held up for so long now and then (p99): latencies are no more exact than that. */
  readonly simulatorDelayMs: number;
}

const INSTALLERS = 16;
const DELAY_RESOLUTION_MS = 5;

/** Lets boxes live through phases, one after the other, and yields what became of each at its end. */
export async function* simulate({ boxes, phases, ...rest }: Scenario): AsyncGenerator<PhaseReport, void> {
  let tally = new Tally();
  const world = { ...rest, tally: () => tally };
  const households = boxes.map((identity, index) => new Household(identity, index, world));
  try {
    for (const phase of phases) {
      tally = new Tally();
      const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
      delay.enable();
      const began = performance.now();
      await live(phase, households);
      const seconds = (performance.now() - began) / 1000;
      delay.disable();
      const boxesOn = households.filter(({ isOn }) => isOn).length;
      const simulatorDelayMs = Math.max(0, delay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS);
      yield { phase: phase.name, seconds, boxesOn, simulatorDelayMs, ...tally.report() };
    }
  } finally {
    await all(households, (household) => household.cutPower());
  }
}

async function live(phase: Phase, households: readonly Household[]): Promise<void> {
  switch (phase.name) {
    case "install":
      return await install(households);
    case "boot":
      return await all(households, (household) => household.turnOn(phase.withinMs));
    case "watch":
      return await sleep(phase.forMs);
    case "power cut":
      await all(households, (household) => household.cutPower());
      await sleep(phase.forMs);
      return await all(households, (household) => household.turnOn(phase.withinMs));
    case "off":
      return await all(households, (household) => household.turnOff());
  }
}

async function install(households: readonly Household[]): Promise<void> {
  const waiting = households.values();
  const installer = async (): Promise<void> => {
    for (const household of waiting) await household.install();
  };
  await Promise.all(Array.from({ length: INSTALLERS }, installer));
}

async function all(households: readonly Household[], work: (household: Household) => Promise<void>): Promise<void> {
  await Promise.all(households.map(work));
}
