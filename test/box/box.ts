import { randomBytes } from "node:crypto";
import { type Answer, Connection } from "./connection.ts";
import {
  type Challenge,
  clientFinalMessage,
  clientFirstMessage,
  deriveKeys,
  readChallenge,
  type ScramKeys,
} from "./scram.ts";

export interface BoxOptions {
  /** Where the box finds the AAA cluster, for example http://10.0.0.7:6060. */
  readonly gatewayUrl: string;
  readonly subscriberId: string;
  /** The password, or the keys that were derived from it before. */
  readonly password: string | ScramKeys;
  readonly deviceId: string;
  /** After this long without an answer a request fails. */
  readonly timeoutMs?: number;
}

/** Which node answered, and where it was in the stream. */
export interface AnsweredBy {
  readonly partition: string;
  readonly epoch: string;
  readonly sequence: string;
}

export interface Authorization extends AnsweredBy {
  readonly decision: "Permit" | "Deny";
  readonly reason: string;
  readonly entitlement?: { readonly id: string; readonly productOfferingId: string };
}

/** What a box says of a session, by the names of RFC 2866; see `AccountingReport` of the contract. */
export interface Report {
  readonly acctSessionId: string;
  readonly acctStatusType: "Start" | "Interim-Update" | "Stop";
  readonly accountingRecordNumber: number;
  readonly acctSessionTime?: number;
  readonly acctTerminateCause?: string;
  readonly service: string;
  readonly eventTime: string;
}

/** The cluster refused what the box asked; `status` is the HTTP status. */
export class RefusedError extends Error {
  readonly status: number;
  /** Seconds after which the box may ask again, when the answer says so. */
  readonly retryAfterSeconds: number | null;

  constructor(status: number, detail: string, retryAfterSeconds: number | null = null) {
    super(`${status}: ${detail}`);
    this.name = "RefusedError";
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const DEFAULT_TIMEOUT_MS = 5_000;

/** A set-top box: authenticates with SCRAM-SHA-256, asks for services and reports their use. */
export class Box {
  readonly #options: BoxOptions;
  readonly #timeoutMs: number;
  #connection: Connection;
  /** The keys, and the salt and iteration count that they are for. */
  #keys: { readonly wanted: string; readonly derived: Promise<ScramKeys> } | null = null;
  #accessToken = "";

  constructor(options: BoxOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#connection = new Connection(options.gatewayUrl, this.#timeoutMs);
  }

  /** Proves the password, checks that the cluster knows its verifier, and keeps the access token. */
  async authenticate(): Promise<AnsweredBy> {
    const answer = await admit(this.#connection, this.#options, (challenge) => this.#keysOf(challenge));
    this.#accessToken = String(answer.body.accessToken);
    return answeredBy(answer);
  }

  /** Whether the box may use a service, for example `channel:news-1`. Authenticate first. */
  async authorize(service: string): Promise<Authorization> {
    const answer = await this.#post("/v1/authorize", { accessToken: this.#accessToken, service });
    return { ...answer.body, ...answeredBy(answer) } as unknown as Authorization;
  }

  /** Reports the use of a service. Authenticate first. Returns the id under which the cluster keeps the record. */
  async account(report: Report, gatewayUrl = this.#options.gatewayUrl): Promise<string> {
    const body = { accessToken: this.#accessToken, ...report };
    if (gatewayUrl === this.#options.gatewayUrl)
      return String((await this.#post("/v1/accounting", body)).body.recordId);
    const other = new Connection(gatewayUrl, this.#timeoutMs);
    try {
      return String(accepted(await other.post("/v1/accounting", body)).body.recordId);
    } finally {
      await other.drop();
    }
  }

  /** What a power cut does: the connection and the access token are gone. Requests on their way reject. */
  async cut(): Promise<void> {
    const { gatewayUrl } = this.#options;
    const lost = this.#connection;
    this.#accessToken = "";
    this.#connection = new Connection(gatewayUrl, this.#timeoutMs);
    await lost.drop();
  }

  #keysOf(challenge: Challenge): ScramKeys | Promise<ScramKeys> {
    const { password } = this.#options;
    if (typeof password !== "string") return password;
    const wanted = `${challenge.salt},${challenge.iterations}`;
    if (this.#keys?.wanted !== wanted) this.#keys = { wanted, derived: deriveKeys(password, challenge) };
    return this.#keys.derived;
  }

  async #post(path: string, body: object): Promise<Answer> {
    return accepted(await this.#connection.post(path, body));
  }
}

/**
 * Both steps of SCRAM-SHA-256 over one connection. Rejects with RefusedError, with the errors of `Connection.post`, and when
 * the cluster does not know the verifier.
 * @param keysOf the box's keys for what the challenge asks
 * @returns the second step's answer, which has the access token
 */
export async function admit(
  connection: Connection,
  { subscriberId, deviceId }: Pick<BoxOptions, "subscriberId" | "deviceId">,
  keysOf: (challenge: Challenge) => ScramKeys | Promise<ScramKeys>,
): Promise<Answer> {
  const clientFirst = clientFirstMessage(subscriberId, randomBytes(18).toString("base64"));
  const challenge = accepted(await connection.post("/v1/authenticate/challenge", { deviceId, clientFirst }));
  const serverFirst = String(challenge.body.serverFirst);
  const keys = await keysOf(readChallenge(clientFirst, serverFirst));
  const { clientFinal, expectedServerFinal } = clientFinalMessage(keys, clientFirst, serverFirst);
  const answer = accepted(await connection.post("/v1/authenticate", { deviceId, clientFirst, clientFinal }));
  if (answer.body.serverFinal !== expectedServerFinal) throw new Error("the cluster does not know this box's verifier");
  return answer;
}

function accepted(answer: Answer): Answer {
  const { status, body, headers } = answer;
  if (status >= 200 && status < 300) return answer;
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  throw new RefusedError(status, String(body.detail), Number.isFinite(seconds) ? seconds : null);
}

function answeredBy({ headers }: Answer): AnsweredBy {
  return {
    partition: String(headers["aaa-partition"]),
    epoch: String(headers["aaa-epoch"]),
    sequence: String(headers["aaa-sequence"]),
  };
}
