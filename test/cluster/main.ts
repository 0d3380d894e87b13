import { runMain, UserError } from "../lib/errors.ts";
import { say } from "../lib/steps.ts";
import { chooseCluster } from "./choose.ts";

const cluster = chooseCluster();

const COMMANDS: Readonly<Record<string, () => Promise<void>>> = {
  up: async () => {
    await cluster.preflight();
    await cluster.up();
  },
  down: () => cluster.down(),
  status: async () => say(await cluster.status()),
  kubeconfig: async () => say(cluster.access.kubeconfig),
};

await runMain(async () => {
  const command = COMMANDS[process.argv[2] ?? ""];
  if (command === undefined) {
    throw new UserError("no such command", `one of: ${Object.keys(COMMANDS).join(", ")}`);
  }
  await command();
});
