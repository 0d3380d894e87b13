import { expect, test } from "@jest/globals";
import { grantsNeverUsed } from "../../lib/rbac.ts";
import { MINUTE_MS, type TheStage } from "./stage.ts";

/** Is asked of the authorizer when an owner reference is written, and is no request of its own. */
const ASKED_ABOUT_ONLY = "update aaaclusters/finalizers";

/** Comes last: by then the operator has done whatever it ever does. */
export function rightsAreAllUsed(stage: TheStage): void {
  test(
    "the operator has no right that it does not use",
    async () => {
      const unused = await grantsNeverUsed(stage().tv.kubectl.access);
      const names = unused.map(({ verb, resource }) => `${verb} ${resource}`);
      expect(names.filter((name) => name !== ASKED_ABOUT_ONLY)).toEqual([]);
    },
    MINUTE_MS,
  );
}
