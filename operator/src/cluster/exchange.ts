import http, { type IncomingMessage } from "node:http";
import https from "node:https";

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends one request and resolves with the whole answer, whatever its status. Rejects as node:http does. */
export async function exchange(protocol: "http" | "https", options: https.RequestOptions, body = ""): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    (protocol === "http" ? http : https).request(options, resolve).on("error", reject).end(body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
}
