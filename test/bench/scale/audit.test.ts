import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { AuditLog, byKind, callsIn, lastWriteAt } from "./audit.ts";

const line = (auditID: string, verb: string, resource: string, second: number, subresource?: string): string =>
  `${JSON.stringify({
    auditID,
    verb,
    requestReceivedTimestamp: new Date(second * 1000).toISOString(),
    objectRef: { resource, ...(subresource === undefined ? {} : { subresource }) },
  })}\n`;

test("a watch counts once, though it is logged when it begins and when it ends", () => {
  const lines = line("a", "watch", "pods", 1) + line("b", "get", "secrets", 2) + line("a", "watch", "pods", 1);
  expect(byKind([...callsIn(lines).values()])).toEqual([
    ["watch pods", 1],
    ["get secrets", 1],
  ]);
});

test("the most frequent calls come first, and a subresource is a kind of its own", () => {
  const lines = line("a", "patch", "pods", 1, "status") + line("b", "patch", "pods", 2) + line("c", "patch", "pods", 3);
  expect(byKind([...callsIn(lines).values()])).toEqual([
    ["patch pods", 2],
    ["patch pods/status", 1],
  ]);
});

test("reading, renewing a lease and telling Events are no writes", () => {
  const lines =
    line("a", "create", "secrets", 5) +
    line("b", "get", "secrets", 6) +
    line("c", "update", "leases", 7) +
    line("d", "create", "events", 8);
  expect(lastWriteAt([...callsIn(lines).values()])).toBe(5000);
  expect(lastWriteAt([])).toBe(0);
});

test("a log that grows in the middle of a line is read whole", async () => {
  const dir = await mkdtemp(join(tmpdir(), "audit-"));
  try {
    const path = join(dir, "audit.log");
    const second = line("b", "get", "secrets", 2);
    await writeFile(path, line("a", "get", "pods", 1) + second.slice(0, 20));
    await using log = await AuditLog.open(path);
    expect(await log.calls()).toHaveLength(1);
    await appendFile(path, second.slice(20));
    expect(byKind(await log.calls())).toEqual([
      ["get pods", 1],
      ["get secrets", 1],
    ]);
  } finally {
    await rm(dir, { recursive: true });
  }
});
