import { open, readFile } from "node:fs/promises";
import https from "node:https";
import { text } from "node:stream/consumers";

/**
 * Sends the writes of a file, and does nothing else: it knows, reads, compares and keeps no object.
 * Usage: bare-client.ts <kubeconfig, in JSON> <file of writes, each a line of a path, a tab and a body>
 */

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { server: string; "certificate-authority-data": string } }];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

/** As many as our operator has workers. */
const IN_FLIGHT = 8;
const QUERY = "?fieldManager=bare-client&force=true";
const STAYS_MS = 3_600_000;

const [, , kubeconfig = "", writes = ""] = process.argv;
const { clusters, users } = JSON.parse(await readFile(kubeconfig, "utf8")) as Kubeconfig;
const { server, "certificate-authority-data": ca } = clusters[0].cluster;
const agent = new https.Agent({ keepAlive: true, ca: Buffer.from(ca, "base64") });
const headers = {
  authorization: `Bearer ${users[0].user.token}`,
  "content-type": "application/apply-patch+yaml",
};

await using file = await open(writes);
const lines = file.readLines()[Symbol.asyncIterator]();
await Promise.all(Array.from({ length: IN_FLIGHT }, sendAll));
// What it has used can be read only as long as it is there.
setTimeout(() => undefined, STAYS_MS);

async function sendAll(): Promise<void> {
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const [path = "", body = ""] = line.value.split("\t");
    await send(path, body);
  }
}

function send(path: string, body: string): Promise<void> {
  const options = { method: "PATCH", agent, headers: { ...headers, "content-length": Buffer.byteLength(body) } };
  return new Promise((resolve, reject) => {
    const request = https.request(server + path + QUERY, options, (response) => {
      const { statusCode = 0 } = response;
      response.on("error", reject);
      if (statusCode === 200 || statusCode === 201) response.on("end", resolve).resume();
      else text(response).then((answer) => reject(new Error(`${path}: ${statusCode} ${answer}`)), reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}
