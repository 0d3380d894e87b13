import { expect, test } from "@jest/globals";
import { optionsOf } from "./options.ts";

test("the boxes are numbered, with as many digits as their patterns ask for", () => {
  const { scenario } = optionsOf(["--boxes", "2", "--first", "99", "--subscriber-id", "s#", "--password", "same"]);
  expect(scenario.boxes).toEqual([
    { subscriberId: "s99", deviceId: "stb-0099", password: "same" },
    { subscriberId: "s100", deviceId: "stb-0100", password: "same" },
  ]);
});

test("every power cut is followed by watching, and all are switched off in the end", () => {
  const phases = optionsOf(["--power-cuts", "2"]).scenario.phases.map(({ name }) => name);
  expect(phases).toEqual(["install", "boot", "watch", "power cut", "watch", "power cut", "watch", "off"]);
});

test.each([
  [["--boxes", "0"], "--boxes 0"],
  [["--boxes", "1.5"], "--boxes 1.5"],
  [["--watch-seconds", "-1"], "watch-seconds"],
  [["--patience-seconds", "long"], "--patience-seconds long"],
  [["--gateway", "10.0.0.7:6060"], "--gateway 10.0.0.7:6060"],
  [["--boxen", "3"], "--boxen"],
])("%p is refused with a word of what is wrong", (args, message) => {
  expect(() => optionsOf(args)).toThrow(message);
});
