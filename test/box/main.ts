import { chooseCluster } from "../cluster/choose.ts";
import { AaaCluster } from "../lib/aaa-cluster.ts";
import { runMain } from "../lib/errors.ts";
import { say } from "../lib/steps.ts";
import { optionsOf, USAGE } from "./options.ts";
import { linesOf } from "./print.ts";
import { simulate } from "./simulation.ts";

await runMain(async () => {
  const { help, json, gatewayUrl, scenario } = optionsOf(process.argv.slice(2));
  if (help) return say(USAGE);
  const gateway = gatewayUrl ?? (await new AaaCluster(chooseCluster().access, "aaa").gatewayUrl("aaa"));
  if (!json) say(`${scenario.boxes.length} set-top boxes at ${gateway}`);
  for await (const report of simulate({ ...scenario, gatewayUrl: gateway, run: Date.now().toString(36) })) {
    say(json ? JSON.stringify(report) : linesOf(report).join("\n"));
    if (Object.values(report.operations).some(({ givenUp }) => givenUp > 0)) process.exitCode = 1;
  }
});
