import { expect, test } from "@jest/globals";
import { pathOf } from "./objects.ts";

const SECRET = { group: "", version: "v1", kind: "Secret", plural: "secrets" };

test("a name stays within its collection, whatever is in it", () => {
  expect(pathOf(SECRET, { namespace: "a", name: "../../b/secrets/c?d#e" })).toBe(
    "/api/v1/namespaces/a/secrets/..%2F..%2Fb%2Fsecrets%2Fc%3Fd%23e",
  );
});
