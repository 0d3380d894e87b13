import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { run } from "../../lib/run.ts";
import { MINUTE_MS, type TheStage } from "./stage.ts";

const DOCUMENT = new URL("../../../docs/operations.md", import.meta.url);

/** What OSS and the nodes have is compared by the very commands that the documentation gives. */
export function nodesAreCompared(stage: TheStage): void {
  /** What they say, and last their exit status. */
  async function compare(): Promise<string> {
    const { access, namespace } = stage().tv.kubectl;
    const commands = /```sh\n(set -- \$\(kubectl get pods[^`]*)```/.exec(await readFile(DOCUMENT, "utf8"))?.[1];
    const kubectl = `kubectl() { ${access.kubectl} --kubeconfig=${access.kubeconfig} --namespace=${namespace} "$@"; }`;
    return run("bash", ["-c", `${kubectl}\n${commands}\necho "status $?"`]);
  }

  test(
    "the commands of the documentation say that OSS and the nodes have the same, and which entity they have not",
    async () => {
      const { tv } = stage();
      await tv.converged(2, MINUTE_MS);
      expect(await compare()).toMatch(/^same[\s\S]*status 0$/m);
      const psql = ["exec", "tv-aaa-1", "--container=postgresql", "--", "psql", "--host=/run/postgresql"];
      const change = "update entities set payload = payload || '{\"byHand\": true}' where entity_id = 'stb-0007'";
      await tv.kubectl.run([...psql, "--username=aaa", "--dbname=aaa", `--command=${change}`]);
      expect(await compare()).toMatch(/^different: 1 entity[\s\S]*Device stb-0007\n[\s\S]*status 1$/m);
      // A node that starts finds out what somebody else has changed, and takes a snapshot.
      await tv.kubectl.run(["delete", "pod", "tv-aaa-1"]);
      await tv.ready(2 * MINUTE_MS);
      await tv.converged(2, MINUTE_MS);
      expect(await compare()).toMatch(/status 0$/m);
    },
    6 * MINUTE_MS,
  );
}
