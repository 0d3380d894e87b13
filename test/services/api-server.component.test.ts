import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "@jest/globals";
import { Gone, KubeClient, type KubeObject } from "../../operator/src/kube/index.ts";
import { startApiServer } from "./api-server.ts";

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const DEADLINE_MS = 60_000;

const configMap = (name: string): KubeObject & { data: unknown } => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data: { answer: "42" },
});

test(
  "an API server keeps its objects and its address over a restart, and leaves nothing behind",
  async () => {
    await using server = await startApiServer();
    const { pid, kubeconfig } = server;
    const client = new KubeClient(server.config());
    const made = await client.request<KubeObject>("POST", CONFIG_MAPS, { body: configMap("kept") });

    await server.down("kill");
    await expect(client.request("GET", CONFIG_MAPS)).rejects.toThrow("ECONNREFUSED");
    await server.start();
    expect(server.pid).not.toBe(pid);
    expect(await client.request("GET", `${CONFIG_MAPS}/kept`)).toEqual(made);

    const last = server.pid;
    await server.stop();
    expect(() => process.kill(last, 0)).toThrow("ESRCH");
    expect(existsSync(dirname(kubeconfig))).toBe(false);
  },
  DEADLINE_MS,
);

test(
  "a gentle end closes the open watches, and what etcd has forgotten is gone after it",
  async () => {
    await using server = await startApiServer();
    const client = new KubeClient(server.config());
    const { metadata } = await client.request<KubeObject>("POST", CONFIG_MAPS, { body: configMap("first") });
    const watch = client.lines(CONFIG_MAPS, {
      query: { watch: true },
      signal: AbortSignal.timeout(DEADLINE_MS),
      silenceMs: DEADLINE_MS,
    });
    expect((await watch.next()).value).toContain('"ADDED"');
    const [end] = await Promise.all([watch.next(), server.down("gently")]);
    expect(end.done).toBe(true);

    await server.start();
    await client.request("POST", CONFIG_MAPS, { body: configMap("second") });
    await server.compact();
    const query = { resourceVersion: metadata.resourceVersion, resourceVersionMatch: "Exact" };
    await expect(client.request("GET", CONFIG_MAPS, { query })).rejects.toBeInstanceOf(Gone);
  },
  DEADLINE_MS,
);

test(
  "an API server that does not come up says why",
  async () => {
    await expect(startApiServer({ flags: { "no-such-flag": "1" } })).rejects.toThrow("unknown flag: --no-such-flag");
  },
  DEADLINE_MS,
);
