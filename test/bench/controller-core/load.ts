import { randomBytes } from "node:crypto";
import https from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { pathOf } from "../../../operator/src/kube/index.ts";
import type { ApiServer } from "../../services/api-server.ts";
import { now, toSentAt } from "./clock.ts";
import type { Latencies } from "./subject.ts";

export const NAMESPACE = "bench";

const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const CREATORS = 16;
const VALUES = 8;
const VALUE_BYTES = 48;

interface Write {
  readonly method: "POST" | "PATCH";
  readonly path: string;
  readonly body: object;
}

/** Makes the objects and changes them. */
export interface Load extends Disposable {
  /** Makes the namespace and in it ConfigMaps of about 1 KiB. */
  create(objects: number): Promise<void>;
  /**
   * Changes one object after the other, `perSecond` of them each second, whether or not earlier changes were answered.
   * Resolves when all are answered to how long each object's last answer took, in ms by name.
   */
  update(options: {
    readonly objects: number;
    readonly perSecond: number;
    readonly seconds: number;
  }): Promise<Latencies>;
}

/** Writes with connections of its own, which it keeps. */
export function loadOn(server: ApiServer): Load {
  const ca = Buffer.from(server.config().getCurrentCluster()?.caData ?? "", "base64");
  const agent = new https.Agent({ keepAlive: true, ca });
  const write = (request: Write): Promise<void> => send(server, agent, request);
  return {
    create: async (objects) => {
      const namespace = { group: "", version: "v1", kind: "Namespace", plural: "namespaces" };
      await write({ method: "POST", path: pathOf(namespace), body: { metadata: { name: NAMESPACE } } });
      const bodies = Array.from({ length: objects }, (_, index) => configMap(index)).values();
      const path = pathOf(CONFIG_MAP, { namespace: NAMESPACE });
      const create = async (): Promise<void> => {
        for (const body of bodies) await write({ method: "POST", path, body });
      };
      await Promise.all(Array.from({ length: CREATORS }, create));
    },
    update: async ({ objects, perSecond, seconds }) => {
      const startedAt = now();
      const answers: Promise<[name: string, ms: number]>[] = [];
      for (let count = 0; count < perSecond * seconds; count++) {
        const dueInMs = startedAt + (count * 1000) / perSecond - now();
        if (dueInMs > 0) await sleep(dueInMs);
        answers.push(update(write, nameOf(count % objects)));
      }
      return new Map(await Promise.all(answers));
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

async function update(write: (request: Write) => Promise<void>, name: string): Promise<[string, number]> {
  const path = pathOf(CONFIG_MAP, { namespace: NAMESPACE, name });
  const sentAt = now();
  await write({ method: "PATCH", path, body: { data: { sentAt: toSentAt(sentAt) } } });
  return [name, now() - sentAt];
}

function send(server: ApiServer, agent: https.Agent, { method, path, body }: Write): Promise<void> {
  const payload = JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${server.token}`,
    "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
    "content-length": Buffer.byteLength(payload),
  };
  return new Promise((resolve, reject) => {
    const request = https.request(server.url + path, { method, agent, headers }, async (response) => {
      const answer = await text(response);
      if (response.statusCode === 200 || response.statusCode === 201) resolve();
      else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
    });
    request.on("error", reject);
    request.end(payload);
  });
}

function configMap(index: number): object {
  const values = Array.from({ length: VALUES }, (_, value) => [
    `value-${value}`,
    randomBytes(VALUE_BYTES).toString("hex"),
  ]);
  return {
    metadata: { name: nameOf(index), labels: { "app.kubernetes.io/name": "bench" } },
    data: Object.fromEntries(values),
  };
}

function nameOf(index: number): string {
  return `object-${String(index).padStart(5, "0")}`;
}
