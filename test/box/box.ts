import { randomBytes } from "node:crypto";
import { Connection } from "./connection.ts";
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
  /** What a device has to name that OSS knows with one. */
  readonly macAddress?: string;
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

/** What a box says of a session or of an event, by the names of RFC 2866; see `AccountingReport` of the contract. */
export interface Report {
  readonly acctSessionId: string;
  readonly acctStatusType: "Start" | "Interim-Update" | "Stop" | "Event";
  readonly accountingRecordNumber: number;
  readonly acctSessionTime?: number;
  readonly acctTerminateCause?: string;
  readonly productOfferingId?: string;
  readonly contentId?: string;
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
  /** By the URL that they go to: a test may ask several nodes. */
  #connections = new Map<string, Connection>();
  /** The keys, and the salt and iteration count that they are for. */
  #keys: { readonly wanted: string; readonly derived: Promise<ScramKeys> } | null = null;
  #accessToken = "";
  #refreshToken = "";

  constructor(options: BoxOptions) {
    this.#options = options;
  }

  /** Proves the password, checks that the cluster knows its verifier, and keeps the access token. */
  async authenticate(): Promise<AnsweredBy> {
    const post = (path: string, body: object): Promise<Record<string, unknown>> => this.#post(path, body);
    const answer = await admit(post, this.#options, (challenge) => this.#keysOf(challenge));
    this.#accessToken = String(answer.accessToken);
    this.#refreshToken = String(answer.refreshToken);
    return answeredBy(answer);
  }

  /** Gets another access token without the password. Authenticate first. */
  async refresh(gatewayUrl = this.#options.gatewayUrl): Promise<AnsweredBy> {
    const answer = await this.#post("/v1/authenticate/refresh", { refreshToken: this.#refreshToken }, gatewayUrl);
    this.#accessToken = String(answer.accessToken);
    return answeredBy(answer);
  }

  /** Whether the box may use a service, for example `channel:news-1`. Authenticate first. */
  async authorize(service: string, gatewayUrl = this.#options.gatewayUrl): Promise<Authorization> {
    const answer = await this.#post("/v1/authorize", { accessToken: this.#accessToken, service }, gatewayUrl);
    return answer as unknown as Authorization;
  }

  /** Reports the use of a service. Authenticate first. Returns the id under which the cluster keeps the record. */
  async account(report: Report, gatewayUrl = this.#options.gatewayUrl): Promise<string> {
    const answer = await this.#post("/v1/accounting", { accessToken: this.#accessToken, ...report }, gatewayUrl);
    return String(answer.recordId);
  }

  /** What a power cut does: connections and the access token are gone, requests on their way reject. */
  async cut(): Promise<void> {
    const lost = this.#connections;
    this.#connections = new Map();
    this.#accessToken = "";
    this.#refreshToken = "";
    for (const connection of lost.values()) await connection.drop();
  }

  #keysOf(challenge: Challenge): ScramKeys | Promise<ScramKeys> {
    const { password } = this.#options;
    if (typeof password !== "string") return password;
    const wanted = `${challenge.salt},${challenge.iterations}`;
    if (this.#keys?.wanted !== wanted) this.#keys = { wanted, derived: deriveKeys(password, challenge) };
    return this.#keys.derived;
  }

  #post(path: string, body: object, gatewayUrl = this.#options.gatewayUrl): Promise<Record<string, unknown>> {
    let connection = this.#connections.get(gatewayUrl);
    if (connection === undefined) {
      connection = new Connection(gatewayUrl, this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      this.#connections.set(gatewayUrl, connection);
    }
    return ask(connection, path, body);
  }
}

/**
 * Both steps of SCRAM-SHA-256. Rejects as `post` does, and when the cluster does not know the verifier.
 * @param keysOf the box's keys for what the challenge asks
 * @returns the second step's answer, which has the access token
 */
export async function admit(
  post: (path: string, body: object) => Promise<Record<string, unknown>>,
  { subscriberId, deviceId, macAddress }: Pick<BoxOptions, "subscriberId" | "deviceId" | "macAddress">,
  keysOf: (challenge: Challenge) => ScramKeys | Promise<ScramKeys>,
): Promise<Record<string, unknown>> {
  const clientFirst = clientFirstMessage(subscriberId, randomBytes(18).toString("base64"));
  const serverFirst = String((await post("/v1/authenticate/challenge", { deviceId, clientFirst })).serverFirst);
  const keys = await keysOf(readChallenge(clientFirst, serverFirst));
  const { clientFinal, expectedServerFinal } = clientFinalMessage(keys, clientFirst, serverFirst);
  const answer = await post("/v1/authenticate", { deviceId, macAddress, clientFirst, clientFinal });
  if (answer.serverFinal !== expectedServerFinal) throw new Error("the cluster does not know this box's verifier");
  return answer;
}

/** Posts, and returns the answer with who gave it. Rejects with RefusedError, and as `Connection.post` does. */
export async function ask(connection: Connection, path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await connection.post(path, body);
  const { status, headers } = answer;
  if (status < 200 || status > 299) {
    const seconds = Number(headers["retry-after"] ?? Number.NaN);
    throw new RefusedError(status, String(answer.body.detail), Number.isFinite(seconds) ? seconds : null);
  }
  return {
    ...answer.body,
    partition: headers["aaa-partition"],
    epoch: headers["aaa-epoch"],
    sequence: headers["aaa-sequence"],
  };
}

function answeredBy({ partition, epoch, sequence }: Record<string, unknown>): AnsweredBy {
  return { partition: String(partition), epoch: String(epoch), sequence: String(sequence) };
}
