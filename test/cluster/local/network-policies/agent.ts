import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { runMain } from "../../../lib/errors.ts";
import { run } from "../../../lib/run.ts";
import { NODES, type NodeLayout } from "../layout.ts";
import { namespaceFile } from "../network.ts";
import { type Api, follow } from "./follow.ts";
import { isolationsOf } from "./isolation.ts";
import type { Namespace, NetworkPolicy, Pod, World } from "./objects.ts";
import { rulesetOf } from "./ruleset.ts";

/** Changes often come in bunches, and one replacement of the rules does for all of them. */
const SETTLE_MS = 50;
/** Rules that somebody has removed by hand, or that could not be set, are back after this long. */
const RESYNC_MS = 30_000;

/** Keeps the rules of every node as the NetworkPolicies say, for as long as this process runs. */
async function enforce(api: Api): Promise<void> {
  const world: { -readonly [kind in keyof World]?: World[kind] } = {};
  const applied = new Map<string, string>();
  let wake = (): void => {};
  const know = (news: Partial<World>): void => {
    Object.assign(world, news);
    wake();
  };

  const resync = async (): Promise<never> => {
    for (;;) {
      await sleep(RESYNC_MS);
      applied.clear();
      wake();
    }
  };
  const applyChanges = async (): Promise<never> => {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      // Before all is known, the rules that an earlier process has left are better than none.
      if (isComplete(world)) await Promise.all(NODES.map((node) => apply(world, node, applied)));
      await woken;
      await sleep(SETTLE_MS);
    }
  };
  await Promise.all([
    follow<NetworkPolicy>(api, "/apis/networking.k8s.io/v1/networkpolicies", (policies) => know({ policies }), log),
    follow<Pod>(api, "/api/v1/pods", (pods) => know({ pods }), log),
    follow<Namespace>(api, "/api/v1/namespaces", (namespaces) => know({ namespaces }), log),
    resync(),
    applyChanges(),
  ]);
}

function isComplete(world: Partial<World>): world is World {
  return world.policies !== undefined && world.pods !== undefined && world.namespaces !== undefined;
}

/** @param applied node -> the rules it has */
async function apply(world: World, node: NodeLayout, applied: Map<string, string>): Promise<void> {
  const ruleset = rulesetOf(isolationsOf(world, node.name));
  if (applied.get(node.name) === ruleset) return;
  try {
    await run("nsenter", [`--net=${namespaceFile(node)}`, "nft", "--file", "-"], { input: ruleset });
    applied.set(node.name, ruleset);
  } catch (error) {
    log(error);
  }
}

async function apiOf(kubeconfig: string): Promise<Api> {
  const { clusters, users } = JSON.parse(await readFile(kubeconfig, "utf8"));
  const decoded = (value: string): string => Buffer.from(value, "base64").toString();
  return {
    url: clusters[0].cluster.server,
    ca: decoded(clusters[0].cluster["certificate-authority-data"]),
    cert: decoded(users[0].user["client-certificate-data"]),
    key: decoded(users[0].user["client-key-data"]),
  };
}

function log(error: unknown): void {
  process.stderr.write(`${new Date().toISOString()} ${error instanceof Error ? error.message : String(error)}\n`);
}

await runMain(async () => enforce(await apiOf(process.argv[2] as string)));
