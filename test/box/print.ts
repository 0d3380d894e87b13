import { rounded } from "../lib/statistics.ts";
import type { PhaseReport } from "./simulation.ts";
import { OPERATIONS, type OperationReport, type Quantiles } from "./tally.ts";

/** Pure: what became of a phase, for people. */
export function linesOf(report: PhaseReport): string[] {
  const { phase, seconds, boxesOn, simulatorDelayMs, operations, decisions } = report;
  const used = OPERATIONS.filter((operation) => isUsed(operations[operation]));
  const answers = Object.entries(decisions).map(([decision, count]) => `${count} ${decision}`);
  return [
    `${phase}: ${rounded(seconds)} s, ${boxesOn} boxes are on; this process was late by ${rounded(simulatorDelayMs)} ms (p99)`,
    ...used.flatMap((operation) => operationLines(operation, operations[operation], seconds)),
    ...(answers.length === 0 ? [] : [`  decisions     ${answers.join(", ")}`]),
  ];
}

function isUsed({ succeeded, failures }: OperationReport): boolean {
  return succeeded > 0 || Object.keys(failures).length > 0;
}

function operationLines(operation: string, report: OperationReport, seconds: number): string[] {
  const { succeeded, failures, givenUp, answerMs, waitMs } = report;
  const blank = "".padEnd(14);
  const rate = `${succeeded} succeeded, ${rounded(succeeded / seconds)}/s`;
  const failed = Object.entries(failures).map(([kind, count]) => `${count} ${kind}`);
  return [
    `  ${operation.padEnd(14)}${rate}; answered in ${milliseconds(answerMs)}`,
    ...(failed.length === 0
      ? []
      : [
          `  ${blank}failed: ${failed.join(", ")}; sent again, but for ${givenUp} that gave up`,
          `  ${blank}with all repeats had in ${milliseconds(waitMs)}`,
        ]),
  ];
}

function milliseconds({ p50, p90, p99, max }: Quantiles): string {
  const [a, b, c, d] = [p50, p90, p99, max].map(rounded);
  return `${a} ms (p50), ${b} (p90), ${c} (p99), ${d} (max)`;
}
