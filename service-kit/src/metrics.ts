import { Counter, Gauge, type Registry } from "prom-client";

/**
 * Upper bounds of a histogram of seconds. The small ones lie between whole milliseconds, so that a time between two
 * `Date`s, which is a whole number of them, falls into the middle of its bucket.
 */
export const SECONDS = [
  0.0005, 0.0015, 0.0025, 0.0035, 0.0055, 0.0075, 0.0105, 0.0155, 0.0255, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Upper bounds of a histogram of how many are taken at a time. */
export const BATCH_SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** A gauge that is read at every scrape. */
export type ReadGauge = (name: string, help: string, read: () => number) => void;

/** Makes gauges of a registry that are read at every scrape. */
export function readGauges(registry: Registry): ReadGauge {
  return (name, help, read) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
}

/** How often each of the values of a label has occurred. Whoever counts adds to it. */
export type Tally<V extends string> = Record<V, number>;

/** A counter with one label whose values are all known, and are there from the beginning: to count costs an addition. */
export function tally<V extends string>(
  registry: Registry,
  {
    name,
    help,
    label,
    values,
  }: { readonly name: string; readonly help: string; readonly label: string; readonly values: readonly V[] },
): Tally<V> {
  const counts = Object.fromEntries(values.map((value) => [value, 0])) as Tally<V>;
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const value of values) this.inc({ [label]: value }, counts[value]);
    },
  });
  return counts;
}
