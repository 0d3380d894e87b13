import { randomBytes } from "node:crypto";
import { clientFinalMessage, clientFirstMessage } from "./scram.ts";

export interface BoxOptions {
  /** Where the box finds the AAA cluster, for example http://10.0.0.7:6060. */
  readonly gatewayUrl: string;
  readonly subscriberId: string;
  readonly password: string;
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

  constructor(status: number, detail: string) {
    super(`${status}: ${detail}`);
    this.name = "RefusedError";
    this.status = status;
  }
}

/** A set-top box: authenticates with SCRAM-SHA-256, asks for services and reports their use. */
export class Box {
  readonly #options: BoxOptions;
  #accessToken = "";

  constructor(options: BoxOptions) {
    this.#options = options;
  }

  /** Proves the password, checks that the cluster knows its verifier, and keeps the access token. */
  async authenticate(): Promise<AnsweredBy> {
    const { subscriberId, password, deviceId } = this.#options;
    const clientFirst = clientFirstMessage(subscriberId, randomBytes(18).toString("base64"));
    const challenge = await this.#post("/v1/authenticate/challenge", { deviceId, clientFirst });
    const { clientFinal, expectedServerFinal } = clientFinalMessage(
      password,
      clientFirst,
      String(challenge.serverFirst),
    );
    const answer = await this.#post("/v1/authenticate", { deviceId, clientFirst, clientFinal });
    if (answer.serverFinal !== expectedServerFinal) throw new Error("the cluster does not know this box's verifier");
    this.#accessToken = String(answer.accessToken);
    return { partition: String(answer.partition), epoch: String(answer.epoch), sequence: String(answer.sequence) };
  }

  /** Whether the box may use a service, for example `channel:news-1`. Authenticate first. */
  async authorize(service: string): Promise<Authorization> {
    const answer = await this.#post("/v1/authorize", { accessToken: this.#accessToken, service });
    return answer as unknown as Authorization;
  }

  /** Reports the use of a service. Authenticate first. Returns the id under which the cluster keeps the record. */
  async account(report: Report, gatewayUrl = this.#options.gatewayUrl): Promise<string> {
    const answer = await this.#post("/v1/accounting", { accessToken: this.#accessToken, ...report }, gatewayUrl);
    return String(answer.recordId);
  }

  async #post(path: string, body: object, gatewayUrl = this.#options.gatewayUrl): Promise<Record<string, unknown>> {
    const response = await fetch(new URL(path, gatewayUrl), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(this.#options.timeoutMs ?? 5_000),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new RefusedError(response.status, String(answer.detail));
    const { headers } = response;
    return {
      ...answer,
      partition: headers.get("aaa-partition"),
      epoch: headers.get("aaa-epoch"),
      sequence: headers.get("aaa-sequence"),
    };
  }
}
