import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const FOLDER = join(import.meta.dirname, "../../docs");
const FAILURES = [
  "joins late",
  "are lost",
  "Duplicates",
  "order",
  "Poison",
  "is down",
  "is gone",
  "backlog",
  "another content",
  "Dual write",
  "majority",
  "back in time",
  "restored",
  "storm",
];

/** The cells of each failure's row. */
const rows = readFileSync(join(FOLDER, "failures.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| \d/.test(line))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

const named = rows.flatMap(([number, , , tests = ""]) =>
  tests.split("<br>").map((text) => {
    const [, name = "", path = ""] = /^`(.+)` in \[\w+\]\((.+)\)$/.exec(text) ?? [];
    return [number, name, path] as const;
  }),
);

test("docs/failures.md has every known failure with an answer and a test", () => {
  expect(rows.map(([number]) => number)).toEqual(FAILURES.map((_, index) => String(index + 1)));
  for (const [index, [, failure, answer]] of rows.entries()) {
    expect(failure).toContain(FAILURES[index]);
    expect(answer).toMatch(/\.$/);
  }
});

test.each(named)("the test that docs/failures.md names for failure %s exists: %s", (_, name, path) => {
  const source = readFileSync(join(FOLDER, path), "utf8");
  const literal = JSON.stringify(name);
  expect(name).not.toBe("");
  expect(source).toContain(literal);
  // The first argument of a call: of `test`, or of what `test.each` returns.
  const before = source.slice(0, source.indexOf(literal)).trimEnd();
  expect(before.at(-1)).toBe("(");
  expect(before).not.toMatch(/\.(skip|todo)\($/);
});
