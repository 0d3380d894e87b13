import { expect, test } from "@jest/globals";
import { outdated } from "./engine.ts";

test("only other tags of the images that are kept are outdated", () => {
  const all = ["a.io/one:old", "a.io/one:new", "a.io/two:old", "docker.io/library/debian:trixie-slim", "<none>:<none>"];
  expect(outdated(all, ["a.io/one:new"])).toEqual(["a.io/one:old"]);
});
