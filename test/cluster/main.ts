import { runMain, UserError } from "../lib/errors.ts";
import { say } from "../lib/steps.ts";
import { chooseCluster } from "./choose.ts";
import type { Cluster } from "./cluster.ts";

const COMMANDS: Readonly<Record<string, (cluster: Cluster) => Promise<void>>> = {
  up: async (cluster) => {
    await cluster.preflight();
    await cluster.up();
  },
  down: (cluster) => cluster.down(),
  status: async (cluster) => say(await cluster.status()),
  kubeconfig: async (cluster) => say(cluster.access.kubeconfig),
};

await runMain(async () => {
  const command = COMMANDS[process.argv[2] ?? ""];
  if (command === undefined) {
    throw new UserError("no such command", `one of: ${Object.keys(COMMANDS).join(", ")}`);
  }
  await command(chooseCluster());
});
