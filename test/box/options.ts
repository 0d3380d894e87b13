import { parseArgs } from "node:util";
import { UserError } from "../lib/errors.ts";
import type { Identity } from "./household.ts";
import type { Phase, Scenario } from "./simulation.ts";

export const USAGE = `Usage: node test/box/main.ts [options]     or     make boxes ARGS="[options]"

Lets set-top boxes use an AAA cluster as they do in life: all are switched on, people zap and watch, the power goes away and
comes back, all are switched off. Prints what became of it. Exits with 1 when a box gave something up.

  --gateway URL             the AAA gateway or a node; without it that of the cluster which make up has made
  --boxes N                 how many (1000)
  --first N                 the number of the first one (1)
  --subscriber-id PATTERN   what their subscribers are called; the signs # become the number (subscriber-####)
  --device-id PATTERN       what they are called (stb-####)
  --password PATTERN        their passwords (sample-####)
  --services LIST           what they zap through (channel:news,channel:sports,channel:opera)
  --boot-seconds N          all are switched on within so long (5)
  --watch-seconds N         then people watch for so long (20)
  --power-cuts N            how often the power goes away, each followed by watching again (1)
  --dark-seconds N          for so long it is away (2)
  --stay-seconds N          on average people stay with a channel for so long (15)
  --interim-seconds N       so often a box reports that it is in use (10)
  --timeout-ms N            after so long without an answer a request has failed (5000)
  --patience-seconds N      for so long a box repeats what fails (60)
  --seed N                  decides what the people do (1)
  --json                    one line of JSON for each phase
  --help`;

const TEXTS = {
  gateway: "",
  "subscriber-id": "subscriber-####",
  "device-id": "stb-####",
  password: "sample-####",
  services: "channel:news,channel:sports,channel:opera",
} as const;

/** Default and least value. */
const NUMBERS = {
  boxes: [1000, 1],
  first: [1, 0],
  "boot-seconds": [5, 0],
  "watch-seconds": [20, 0],
  "power-cuts": [1, 0],
  "dark-seconds": [2, 0],
  "stay-seconds": [15, 0],
  "interim-seconds": [10, 0.1],
  "timeout-ms": [5000, 1],
  "patience-seconds": [60, 0],
  seed: [1, 0],
} as const;

const FLAGS = ["json", "help"] as const;
/** Of which there can be no half. */
const WHOLE: readonly string[] = ["boxes", "first", "power-cuts", "seed"];
const GLANCE_MS = 1_000;
const HELP = "node test/box/main.ts --help prints the options";

export interface Options {
  readonly help: boolean;
  readonly json: boolean;
  /** Null for that of the cluster which make up has made. */
  readonly gatewayUrl: string | null;
  readonly scenario: Omit<Scenario, "gatewayUrl" | "run"> & { readonly phases: readonly Phase[] };
}

/** Pure: reads the command line. Throws UserError, which says what to write instead. */
export function optionsOf(args: readonly string[]): Options {
  const values = parse(args);
  const number = (name: keyof typeof NUMBERS): number => numberOf(name, values[name]);
  const ms = (name: keyof typeof NUMBERS): number => number(name) * 1000;
  const text = (name: keyof typeof TEXTS): string => String(values[name] ?? TEXTS[name]);
  const gateway = text("gateway");
  if (gateway !== "" && !/^https?:$/.test(URL.parse(gateway)?.protocol ?? "")) {
    throw new UserError(`--gateway ${gateway} is no URL`, "write for example --gateway http://10.0.0.7:6060");
  }
  const watch: Phase = { name: "watch", forMs: ms("watch-seconds") };
  const cut: Phase = { name: "power cut", forMs: ms("dark-seconds"), withinMs: 0 };
  const cuts = Array.from({ length: number("power-cuts") }, () => [cut, watch]).flat();
  return {
    help: values.help === true,
    json: values.json === true,
    gatewayUrl: gateway === "" ? null : gateway,
    scenario: {
      boxes: Array.from({ length: number("boxes") }, (_, index) => ({
        subscriberId: numbered(text("subscriber-id"), number("first") + index),
        deviceId: numbered(text("device-id"), number("first") + index),
        password: numbered(text("password"), number("first") + index),
      })) satisfies Identity[],
      phases: [{ name: "install" }, { name: "boot", withinMs: ms("boot-seconds") }, watch, ...cuts, { name: "off" }],
      habits: {
        services: text("services").split(","),
        stayMs: ms("stay-seconds"),
        glanceMs: GLANCE_MS,
        interimMs: ms("interim-seconds"),
      },
      seed: number("seed"),
      timeoutMs: number("timeout-ms"),
      patienceMs: ms("patience-seconds"),
    },
  };
}

function parse(args: readonly string[]): Record<string, string | boolean | undefined> {
  const texts = [...Object.keys(TEXTS), ...Object.keys(NUMBERS)].map((name) => [name, { type: "string" }] as const);
  const flags = FLAGS.map((name) => [name, { type: "boolean" }] as const);
  try {
    return parseArgs({ args: [...args], options: Object.fromEntries([...texts, ...flags]) }).values as never;
  } catch (error) {
    throw new UserError((error as Error).message, HELP);
  }
}

function numberOf(name: keyof typeof NUMBERS, value: string | boolean | undefined): number {
  const [otherwise, least] = NUMBERS[name];
  if (value === undefined) return otherwise;
  const number = Number(value);
  const whole = WHOLE.includes(name);
  if (value !== "" && number >= least && Number.isFinite(number) && (!whole || Number.isInteger(number))) return number;
  throw new UserError(
    `--${name} ${value} is not possible`,
    `write a ${whole ? "whole " : ""}number of at least ${least}, for example --${name} ${otherwise}`,
  );
}

/** Pure: a pattern whose signs `#` give way to a number, with leading zeros. */
function numbered(pattern: string, number: number): string {
  return pattern.replace(/#+/, (signs) => String(number).padStart(signs.length, "0"));
}
