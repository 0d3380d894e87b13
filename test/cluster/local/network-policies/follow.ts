import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** Where the API server is, and the PEM texts with which it and we know each other. */
export interface Api {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Listed {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
}

const RETRY_MS = 1000;

/**
 * Follows all objects of a kind for as long as this process runs.
 * @param path of the list, such as `/api/v1/pods`
 * @param changed is given all objects, at first and whenever one has changed
 * @param failed is told why a watch has ended too early; it is begun anew a second later
 */
export async function follow<T>(
  api: Api,
  path: string,
  changed: (objects: readonly T[]) => void,
  failed: (error: unknown) => void,
): Promise<never> {
  for (;;) {
    try {
      await followOnce(api, path, (objects) => changed(objects as unknown as readonly T[]));
    } catch (error) {
      failed(error);
    }
    await sleep(RETRY_MS);
  }
}

/** Resolves when the API server ends the watch, as it does now and then. */
async function followOnce(api: Api, path: string, changed: (objects: readonly Listed[]) => void): Promise<void> {
  const list = JSON.parse(await text(await get(api, path))) as Listed & { readonly items: readonly Listed[] };
  const objects = new Map(list.items.map((object) => [object.metadata.uid, object]));
  changed([...objects.values()]);
  const watch = await get(api, `${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}`);
  for await (const line of linesOf(watch)) {
    const { type, object } = JSON.parse(line) as { type: string; object: Listed };
    if (type === "ERROR") throw new Error(line);
    if (type === "DELETED") objects.delete(object.metadata.uid);
    else objects.set(object.metadata.uid, object);
    changed([...objects.values()]);
  }
}

function get({ url, ...tls }: Api, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, url), tls, (response) => {
      if (response.statusCode === 200) resolve(response);
      else text(response).then((body) => reject(new Error(`GET ${path}: ${response.statusCode} ${body}`)), reject);
    });
    asked.on("error", reject).end();
  });
}

async function* linesOf(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
