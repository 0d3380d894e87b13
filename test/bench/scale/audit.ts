import { type FileHandle, open } from "node:fs/promises";

/** One HTTP request that the API server was sent. */
export interface Call {
  /** When it came, in ms since the epoch. */
  readonly at: number;
  /** Kubernetes' word: get, list, watch, create, update, patch, delete and others. */
  readonly verb: string;
  /** What it was about, as `pods` or `pods/status`. */
  readonly resource: string;
}

/** The lines that kube-apiserver writes, of stage ResponseStarted (watches alone) or ResponseComplete. */
interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly requestReceivedTimestamp: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
}

const WRITES = new Set(["create", "update", "patch", "delete", "deletecollection"]);
/** Written all the time by an operator that has nothing to do. */
const HEARTBEATS = new Set(["leases", "events"]);

/** The policy by which only a user's requests are logged: not what was in them. */
export function auditPolicy(user: string): object {
  return {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata", users: [user] }, { level: "None" }],
  };
}

/** The API server's audit log, read as it grows. */
export class AuditLog implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #calls = new Map<string, Call>();
  #rest = Buffer.alloc(0);

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<AuditLog> {
    return new AuditLog(await open(path, "r"));
  }

  /** Every request until now. */
  async calls(): Promise<readonly Call[]> {
    const grown = await this.#file.readFile();
    const text = Buffer.concat([this.#rest, grown]);
    const end = text.lastIndexOf("\n") + 1;
    this.#rest = text.subarray(end);
    // A watch is logged when it begins and again when it ends.
    for (const [id, call] of callsIn(text.toString("utf8", 0, end))) this.#calls.set(id, call);
    return [...this.#calls.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Pure: the requests that lines of an audit log tell of, by id. */
export function callsIn(lines: string): Map<string, Call> {
  const events = lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent);
  return new Map(events.map((event) => [event.auditID, callOf(event)]));
}

/** Pure: when something was written last that an operator with nothing to do would not write. */
export function lastWriteAt(calls: readonly Call[]): number {
  const writes = calls.filter(({ verb, resource }) => WRITES.has(verb) && !HEARTBEATS.has(resource));
  return writes.reduce((last, { at }) => Math.max(last, at), 0);
}

/** Pure: how many calls there were of each kind, as `get secrets`, the most frequent first. */
export function byKind(calls: readonly Call[]): readonly (readonly [kind: string, count: number])[] {
  const groups = Map.groupBy(calls, ({ verb, resource }) => `${verb} ${resource}`);
  return [...groups].map(([kind, { length }]) => [kind, length] as const).sort(([, a], [, b]) => b - a);
}

function callOf({ verb, requestReceivedTimestamp, objectRef }: AuditEvent): Call {
  const { resource = "(none)", subresource } = objectRef ?? {};
  return {
    at: Date.parse(requestReceivedTimestamp),
    verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
  };
}
