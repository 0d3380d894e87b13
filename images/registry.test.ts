import { expect, test } from "@jest/globals";
import { UserError } from "../test/lib/errors.ts";
import { CommandError } from "../test/lib/run.ts";
import { registryError } from "./registry.ts";

const failure = (stderr: string): CommandError => new CommandError("build", 1, "", stderr);

test.each([
  ["W: Failed to fetch http://mirror/x  Temporary failure resolving 'mirror'", "the Debian mirror does not answer"],
  ["ERROR: failed to resolve source metadata for docker.io/library/debian: timeout", "Docker Hub does not answer"],
])("a build that failed with %j names the registry and what to do", (stderr, message) => {
  const error = registryError(failure(`Step 1\n${stderr}\n`)) as UserError;
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toBe(`${message}: ${stderr}`);
});

test("any other failure of a build stays what it is", () => {
  const error = failure("dpkg: error processing package");
  expect(registryError(error)).toBe(error);
});
