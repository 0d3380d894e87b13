import { type Random, seeded } from "../replication/fuzz/random.ts";
import { type Authorization, Box, type BoxOptions, RefusedError, type Report } from "./box.ts";
import { evening, type Habits } from "./habits.ts";
import { pause, persistently } from "./persistent.ts";
import { Session } from "./session.ts";
import type { Operation, Tally } from "./tally.ts";

/** What a household has to prove who it is. */
export type Identity = Pick<BoxOptions, "subscriberId" | "deviceId" | "password">;

/** What is the same for all households. */
export interface World {
  readonly gatewayUrl: string;
  readonly habits: Habits;
  /** After this long without an answer a request fails. */
  readonly timeoutMs: number;
  /** So long a box repeats what fails. */
  readonly patienceMs: number;
  /** Decides what every household does; not when the cluster answers. */
  readonly seed: number;
  /** Sets the sessions of this run apart from those of another against the same cluster. */
  readonly run: string;
  readonly tally: () => Tally;
}

/** A box with power, and people in front of it. */
interface Life {
  readonly power: AbortController;
  /** Aborted when nobody touches the box any more; what it is at it still finishes. */
  readonly people: AbortController;
  /** Resolves when the box is off again; never rejects. */
  readonly over: Promise<void>;
}

interface Signals {
  readonly power: AbortSignal;
  readonly people: AbortSignal;
}

/**
 * A box and the people in front of it. While it is on it is admitted, they zap, it asks for each channel, reports the session
 * of the one that they stay with, and repeats what fails.
 */
export class Household {
  readonly #box: Box;
  readonly #world: World;
  readonly #random: Random;
  #life: Life | null = null;
  #session: Session | null = null;
  #sessions = 0;

  /** @param index sets its habits apart from those of the others */
  constructor(identity: Identity, index: number, world: World) {
    const { gatewayUrl, timeoutMs, seed } = world;
    this.#box = new Box({ gatewayUrl, timeoutMs, ...identity });
    this.#world = world;
    this.#random = seeded(seed * 1_000_003 + index);
  }

  get isOn(): boolean {
    return this.#life !== null;
  }

  /** Admits the box once, as whoever installs it does; it then has the keys of its password. */
  async install(): Promise<void> {
    await this.#admit(new AbortController().signal).catch(() => {});
  }

  /** Switches the box on within so long; resolves when it has been admitted, or has given up and is off again. */
  turnOn(withinMs: number): Promise<void> {
    const [power, people] = [new AbortController(), new AbortController()];
    return new Promise((resolve) => {
      const signals = { power: power.signal, people: AbortSignal.any([power.signal, people.signal]) };
      const over = this.#live(this.#random.between(0, withinMs), signals, resolve)
        // It is off, or was not admitted; whatever else it gives up, it goes on.
        .catch(() => {})
        .finally(() => {
          this.#life = null;
          resolve();
        });
      this.#life = { power, people, over };
    });
  }

  /** Takes the power away: what is under way breaks off, and the session never gets its Stop. */
  async cutPower(): Promise<void> {
    const life = this.#life;
    life?.power.abort();
    await this.#box.cut();
    await life?.over;
    this.#session = null;
  }

  /** Switches the box off with the remote control, so that it reports the end of its session. */
  async turnOff(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    life.people.abort();
    await life.over;
    await this.#endSession(life.power.signal);
  }

  async #live(afterMs: number, signals: Signals, admitted: () => void): Promise<void> {
    await pause(afterMs, signals.people);
    await this.#admit(signals.power);
    admitted();
    for (const { afterMs: stayMs, services } of evening(this.#world.habits, this.#random)) {
      await this.#watch(stayMs, signals);
      await this.#zap(services, signals);
    }
  }

  /** Stays with a channel, and says now and then that it is still in use. */
  async #watch(ms: number, { power, people }: Signals): Promise<void> {
    const until = performance.now() + ms;
    for (;;) {
      // A tenth sooner or later, so that boxes do not stay in step (RFC 2869 section 2.1).
      const interimMs = (this.#world.habits.interimMs * this.#random.between(90, 110)) / 100;
      const leftMs = until - performance.now();
      if (leftMs <= interimMs) return await pause(Math.max(0, leftMs), people);
      await pause(interimMs, people);
      if (this.#session !== null) await this.#account(this.#session.report("Interim-Update", new Date()), power);
    }
  }

  /** Looks at some channels and stays with the last one, if it may be seen. */
  async #zap(services: readonly string[], { power, people }: Signals): Promise<void> {
    for (const [index, service] of services.entries()) {
      if (index > 0) await pause(this.#random.between(0, 2 * this.#world.habits.glanceMs), people);
      const permitted = await this.#mayUse(service, power);
      if (index < services.length - 1) continue;
      await this.#endSession(power);
      if (permitted) await this.#startSession(service, power);
    }
  }

  async #mayUse(service: string, power: AbortSignal): Promise<boolean> {
    const ask = (): Promise<Authorization> => this.#box.authorize(service);
    const answer = await this.#tryHard("authorize", ask, power);
    if (answer === null) return false;
    this.#world.tally().answer(answer.partition, `${answer.decision} (${answer.reason})`);
    return answer.decision === "Permit";
  }

  async #startSession(service: string, power: AbortSignal): Promise<void> {
    this.#sessions += 1;
    this.#session = new Session(`${this.#world.run}-${this.#sessions}`, service, new Date());
    await this.#account(this.#session.report("Start", new Date()), power);
  }

  async #endSession(power: AbortSignal): Promise<void> {
    const session = this.#session;
    this.#session = null;
    if (session !== null) await this.#account(session.report("Stop", new Date()), power);
  }

  async #account(report: Report, power: AbortSignal): Promise<void> {
    await this.#tryHard("account", () => this.#box.account(report), power);
  }

  async #admit(power: AbortSignal): Promise<void> {
    const { partition } = await persistently("authenticate", () => this.#box.authenticate(), this.#with(power));
    this.#world.tally().answer(partition);
  }

  /** Null when the box gave up. A token that is not taken any more is renewed. */
  async #tryHard<T>(operation: Operation, attempt: () => Promise<T>, power: AbortSignal): Promise<T | null> {
    const admittedToo = async (): Promise<T> => {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof RefusedError && error.status === 401)) throw error;
        await this.#admit(power);
        return await attempt();
      }
    };
    return await persistently(operation, admittedToo, this.#with(power)).catch((error: unknown) => {
      if (power.aborted) throw error;
      return null;
    });
  }

  #with(signal: AbortSignal) {
    const { tally, patienceMs } = this.#world;
    return { tally, patienceMs, random: this.#random, signal };
  }
}
