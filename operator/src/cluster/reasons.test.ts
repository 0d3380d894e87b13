import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Conflict, Forbidden, Foreign, Invalid } from "../kube/index.ts";
import { EVENT_REASONS } from "./announce.ts";
import { TROUBLES } from "./candidates.ts";
import type { Findings } from "./checks.ts";
import { judge, judgeInvalid, judgeNew, type Verdict } from "./conditions.ts";
import type { Observed } from "./observe.ts";
import { CONDITION_TYPES, REASONS } from "./reasons.ts";
import { aCluster, allIsWell, wellBroker, wellNodes, withVirtualIP } from "./testing/fixtures.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../../docs/errors.md"), "utf8");

/** The cells of each row of the table under a heading of docs/errors.md. */
function rowsUnder(heading: string): readonly (readonly string[])[] {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("| `"));
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const quoted = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(", ");

const notReady = (part: "broker" | "oss" | "ossDatabase" | "nodes"): Partial<Observed> => ({
  [part]: { ...allIsWell()[part], ready: 0 },
});

/** One verdict for each thing that can be wrong, and for when nothing is. */
function everyVerdict(): readonly Verdict[] {
  const { members } = wellBroker();
  const observations: Partial<Observed>[] = [
    {},
    notReady("broker"),
    notReady("oss"),
    notReady("ossDatabase"),
    notReady("nodes"),
    { gateways: allIsWell().gateways.map((gateway) => ({ ...gateway, ready: 0 })) },
    { brokerReport: { reachable: false, message: "refused", repaired: [] } },
    { brokerReport: wellBroker({ members: members.slice(1) }) },
    { brokerReport: wellBroker({ members: members.map((member, index) => ({ ...member, running: index === 0 })) }) },
    { brokerReport: wellBroker({ members: members.map((member) => ({ ...member, disk_free_alarm: true })) }) },
    { relaying: false },
    { nodeReports: wellNodes.map((node) => ({ ...node, synced: false })) },
    { nodeReports: wellNodes.map((node) => ({ ...node, consuming: false })) },
    { nodeReports: wellNodes.map((node) => ({ ...node, behind: true })) },
    { nodeReports: wellNodes.map((node) => ({ ...node, differs: true })) },
    { gateways: allIsWell().gateways.map((gateway) => ({ ...gateway, readyEndpoints: 0 })) },
    { gateways: allIsWell().gateways.map((gateway) => ({ ...gateway, reports: [] })) },
    { gateways: allIsWell().gateways.map(({ address: _, ...gateway }) => gateway) },
    { gateways: withVirtualIP("aaa-gateway", []) },
    { gateways: withVirtualIP("aaa-gateway", ["n1", "n2"]) },
    { gateways: withVirtualIP("aaa-gateway", ["n1"], { clashes: ["x"] }) },
    ...TROUBLES.map((reason) => ({
      gateways: withVirtualIP("aaa-gateway", ["n1"], { troubles: [{ reason, message: "x" }] }),
    })),
    { gateways: withVirtualIP("aaa-gateway", ["n1"], { ready: 1 }) },
    { oss: { ...allIsWell().oss, settled: false } },
  ];
  const clusters = [
    aCluster({ broker: { replicas: 1 } }),
    aCluster({ nodes: { replicas: 0 } }),
    aCluster({ paused: true }),
  ];
  const failures = [
    new Conflict(409, "Conflict", "c"),
    new Forbidden(403, "Forbidden", "namespace aaa is being terminated"),
    new Foreign("f"),
    new Invalid(422, "Invalid", "i"),
  ];
  const secretProblems = (["BrokerReady", "OssReady", "GatewaysReady"] as const).map((condition) => ({
    condition,
    holds: [],
    message: "no such Secret",
  }));
  const judged = (findings: Partial<Findings>): readonly Verdict[] =>
    judge({ cluster: aCluster(), observed: allIsWell(), failures: [], secretProblems: [], ...findings });
  return [
    ...judgeNew(),
    ...judgeInvalid("x"),
    ...observations.flatMap((seen) => judged({ observed: allIsWell(seen) })),
    ...clusters.flatMap((cluster) => judged({ cluster })),
    ...failures.flatMap((failure) => judged({ failures: [failure] })),
    ...judged({ secretProblems }),
  ];
}

test("every reason occurs with the conditions that the catalogue names, and with no other", () => {
  const found = new Set(everyVerdict().map(({ type, reason }) => `${reason} of ${type}`));
  const listed = Object.entries(REASONS).flatMap(([reason, types]) => types.map((type) => `${reason} of ${type}`));
  expect([...found].sort()).toEqual(listed.sort());
});

test("every visit leads to all conditions, in one order", () => {
  const all = everyVerdict().map(({ type }) => type);
  const visits = all.length / CONDITION_TYPES.length;
  expect(all).toEqual(Array.from({ length: visits }, () => CONDITION_TYPES).flat());
});

test("docs/errors.md explains every condition, in the order of the code", () => {
  expect(rowsUnder("Conditions").map(([type]) => type)).toEqual(CONDITION_TYPES.map((type) => quoted([type])));
});

test("docs/errors.md names every reason and the conditions that can have it, in the order of the code", () => {
  expect(rowsUnder("Reasons of conditions").map(([reason, types]) => [reason, types])).toEqual(
    Object.entries(REASONS).map(([reason, types]) => [
      quoted([reason]),
      types.length === CONDITION_TYPES.length ? "every" : quoted(types),
    ]),
  );
});

test("docs/errors.md names every Event reason and its type, in the order of the code", () => {
  expect(rowsUnder("Reasons of Events").map(([reason, type]) => [reason, type])).toEqual(
    Object.entries(EVENT_REASONS).map(([reason, type]) => [quoted([reason]), type]),
  );
});

test.each(["Conditions", "Reasons of conditions", "Reasons of Events"])(
  "docs/errors.md leaves no cell empty: %s",
  (heading) => {
    const rows = rowsUnder(heading);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.flat().filter((cell) => cell === "")).toEqual([]);
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
  },
);
