import { once } from "node:events";
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Step } from "./faults.ts";

const NEWLINE = 0x0a;
/** These are about one connection, and a proxy has two. */
const OF_ONE_CONNECTION = ["host", "authorization", "connection", "keep-alive", "transfer-encoding", "content-length"];

/** Asks the server of a configuration, as its user, what a client asked; forgets it when the client goes. */
export function ask(config: KubeConfig, request: IncomingMessage, response: ServerResponse): Promise<IncomingMessage> {
  const { server, caData = "" } = config.getCurrentCluster() ?? {};
  const url = new URL(request.url ?? "/", server);
  const asked = (url.protocol === "http:" ? http : https).request(url, {
    ...(request.method === undefined ? {} : { method: request.method }),
    headers: { ...ofBothConnections(request.headers), authorization: `Bearer ${config.getCurrentUser()?.token}` },
    ca: Buffer.from(caData, "base64"),
    agent: false,
  });
  response.once("close", () => asked.destroy());
  request.pipe(asked);
  return new Promise((resolve, reject) => {
    asked.once("response", resolve);
    asked.on("error", reject);
  });
}

/** The headers of a message without those that are about its connection. */
export function ofBothConnections(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_ONE_CONNECTION.includes(name)));
}

/** Passes on the lines of an answer as they come, each as `stepsFor` wants it. Rejects when the server goes. */
export async function passOn(
  answer: IncomingMessage,
  response: ServerResponse,
  stepsFor: (line: Buffer) => readonly Step[],
): Promise<void> {
  for await (const line of linesOf(answer)) {
    for (const step of stepsFor(line)) {
      if (response.closed || response.writableEnded) return;
      await take(step, response);
    }
  }
  response.end();
}

async function take(step: Step, response: ServerResponse): Promise<void> {
  if (step === "end") response.end();
  else if (step === "cut") response.destroy();
  else if (step === "silence") await once(response, "close");
  else if ("wait" in step) await step.wait();
  // What the kernel has not taken yet would be lost by a cut.
  else await new Promise((resolve) => response.write(step.send, resolve));
}

/** Lines with their newlines, and at the end what has none. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, end + 1)]);
      begun = [];
      from = end + 1;
    }
    begun.push(chunk.subarray(from));
  }
  const rest = Buffer.concat(begun);
  if (rest.length > 0) yield rest;
}
