import { expect, test } from "@jest/globals";
import { endRunning, run } from "./run.ts";

test("a command's output comes back when it succeeds", async () => {
  expect(await run("cat", [], { input: "hello" })).toBe("hello");
});

test("a command that fails says what it was, how it ended and what it wrote", async () => {
  await expect(run("sh", ["-c", "echo broken >&2; exit 3"])).rejects.toThrow(/sh -c .* ended with 3:\nbroken/);
});

test("commands that still run are ended when the program fails", async () => {
  const commands = [run("sleep", ["60"]), run("sleep", ["60"])];
  endRunning();
  const results = await Promise.allSettled(commands);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
