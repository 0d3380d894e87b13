import { setTimeout as sleep } from "node:timers/promises";

/** What happens at the wire: bytes, a pause, or the end of the answer, of the connection, or of all signs of life. */
export type Step = { readonly send: Buffer } | { readonly wait: () => Promise<unknown> } | "end" | "cut" | "silence";

/** An answer that the server never gave. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Something that goes wrong between a client and the API server, as a value. `answer` takes the place of the server's
 * answer to a request, which the server then never sees; `line` takes the place of each line of its answer, newline
 * included: an event of a watch, or the whole body of anything else.
 */
export type Fault =
  | { readonly name: string; readonly answer: Answer }
  | { readonly name: string; readonly line: (line: Buffer) => readonly Step[] };

const NEWLINE = Buffer.from("\n");
const GONE = status(410, "Expired", "too old resource version");

/** The connection dies in the middle of the next event. */
export const cutMidEvent: Fault = { name: "cut mid-event", line: (line) => [{ send: firstHalf(line) }, "cut"] };

/** Nothing comes any more, no bookmark either, and the connection stays open. */
export const silence: Fault = { name: "silence", line: () => ["silence"] };

/** The server ends the answer in good order after each event. */
export const endAfterEvent: Fault = { name: "end after each event", line: (line) => [{ send: line }, "end"] };

/** In place of the next event comes the news that the resource version is gone. */
export const goneAsEvent: Fault = {
  name: "410 as an event",
  line: () => [{ send: Buffer.from(`${JSON.stringify({ type: "ERROR", object: GONE })}\n`) }, "end"],
};

/** Half of a line, as if it were a whole one; then the answer ends in good order. */
export const truncatedJson: Fault = {
  name: "truncated JSON",
  line: (line) => [{ send: Buffer.concat([firstHalf(line), NEWLINE]) }, "end"],
};

/** The resource version, or the continue token, is gone. */
export const goneAsStatus: Fault = refusal("410 as a status", GONE);

/** The server takes the request, and ends the answer before there is anything in it. */
export const endAtOnce: Fault = { name: "end at once", answer: { status: 200, headers: {}, body: "" } };

/** The server fails at the request. */
export const serverError: Fault = refusal("500", status(500, "InternalError", "the store is not well"));

/** The server is overloaded and says when to come back. */
export function tooManyRequests(retryAfterSeconds: number): Fault {
  const headers = { "retry-after": String(retryAfterSeconds) };
  return refusal("429", status(429, "TooManyRequests", "come back later"), headers);
}

/** Every line comes byte by byte, of a long line the last `bytes`; what is before them comes at once. */
export function byteByByte({ bytes, pauseMs }: { readonly bytes: number; readonly pauseMs: number }): Fault {
  const line = (whole: Buffer): Step[] => {
    const slowFrom = Math.max(0, whole.length - bytes);
    const slow = [...whole.subarray(slowFrom)].flatMap((byte) => [
      { send: Buffer.of(byte) },
      { wait: () => sleep(pauseMs) },
    ]);
    return [{ send: whole.subarray(0, slowFrom) }, ...slow];
  };
  return { name: "byte by byte", line };
}

/** The line comes when a promise says so, which is asked for when the upstream has sent it. */
export function held(until: () => Promise<unknown>): Fault {
  return { name: "held", line: (line) => [{ wait: until }, { send: line }] };
}

function firstHalf(line: Buffer): Buffer {
  return line.subarray(0, Math.floor(line.length / 2));
}

function status(code: number, reason: string, message: string) {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code, reason, message };
}

function refusal(name: string, body: ReturnType<typeof status>, headers: Readonly<Record<string, string>> = {}): Fault {
  const answer = {
    status: body.code,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
  return { name, answer };
}
