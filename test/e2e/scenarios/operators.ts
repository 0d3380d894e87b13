import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { CHART, upgradeOperator } from "../../lib/operator.ts";
import { until } from "../../lib/until.ts";
import { MINUTE_MS, operatedBy, podUids, type Stage, type TheStage } from "./stage.ts";

/** Operators that end, restart or are replaced: the cluster goes on, and no pod of it is touched. */
export function operatorsChange(stage: TheStage): void {
  test.each([
    ["is asked to end", []],
    ["is deleted by force", ["--grace-period=0", "--force"]],
  ])(
    "when the operator that leads %s, the other goes on, and no pod of the cluster is touched",
    async (_, how) => {
      const { tv, operators } = stage();
      const before = await podUids(stage());
      const leader = await operatorThatLeads(stage());
      await operators.run(["delete", "pod", leader, "--wait=false", ...how]);
      await tv.kubectl.run(["delete", "service", "tv-aaa-gateway"]);
      await until("another operator leads", async () => !["", leader].includes(await operatorThatLeads(stage())), {
        deadlineMs: MINUTE_MS,
        intervalMs: 500,
      });
      await until("the Service is back", () => tv.kubectl.get("service", "tv-aaa-gateway"), { deadlineMs: MINUTE_MS });
      await tv.ready(MINUTE_MS);
      expect(await podUids(stage())).toEqual(before);
      await operators.run(["rollout", "status", "deployment/aaa-operator", "--timeout=60s"]);
    },
    4 * MINUTE_MS,
  );

  test(
    "an upgrade of the operator, and the way back, restart no pod of the cluster",
    async () => {
      const { tv, operators } = stage();
      const before = await podUids(stage());
      const { access } = operators;
      const { operatorVersion } = (await tv.get()).status;
      const folder = await mkdtemp(join(tmpdir(), "aaa-chart-"));
      try {
        await cp(CHART, folder, { recursive: true });
        const file = join(folder, "Chart.yaml");
        await writeFile(file, (await readFile(file, "utf8")).replace(/^appVersion: .*$/m, 'appVersion: "99.0.0"'));
        await upgradeOperator(access, folder);
        await operatedBy(stage(), "99.0.0");
        await upgradeOperator(access, CHART);
        await operatedBy(stage(), operatorVersion);
      } finally {
        await rm(folder, { recursive: true });
      }
      await tv.ready(MINUTE_MS);
      expect(await podUids(stage())).toEqual(before);
    },
    6 * MINUTE_MS,
  );
}

/** The pod of the operator that holds the Lease; empty when none does. */
async function operatorThatLeads({ operators }: Stage): Promise<string> {
  const { spec } = await operators.get("lease", "aaa-operator");
  return (spec.holderIdentity ?? "").split("_")[0];
}
