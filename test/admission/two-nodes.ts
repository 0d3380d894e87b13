import { clientFinalMessage, clientFirstMessage } from "../box/scram.ts";

export interface Answer {
  readonly status: number;
  readonly body: Record<string, string>;
}

/** Sends JSON to a node. */
export async function post(url: string, path: string, body: object): Promise<Answer> {
  const response = await fetch(new URL(path, url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

export interface Claimant {
  readonly subscriberId: string;
  readonly password: string;
  readonly deviceId: string;
  readonly macAddress?: string;
}

/** A box that takes its steps one by one, each at any node. */
export class SteppingBox {
  readonly #claimant: Claimant;
  #clientFirst = "";
  #serverFinal = "";
  /** What it sends to be admitted, after a challenge. */
  proof: object = {};
  accessToken = "none";
  refreshToken = "none";

  constructor(claimant: Claimant) {
    this.#claimant = claimant;
  }

  async challenge(url: string, nonce: string): Promise<Answer> {
    const { subscriberId, password, deviceId, macAddress } = this.#claimant;
    this.#clientFirst = clientFirstMessage(subscriberId, nonce);
    const answer = await post(url, "/v1/authenticate/challenge", { deviceId, clientFirst: this.#clientFirst });
    const { clientFinal, expectedServerFinal } = clientFinalMessage(
      password,
      this.#clientFirst,
      String(answer.body.serverFirst),
    );
    this.proof = { deviceId, macAddress, clientFirst: this.#clientFirst, clientFinal };
    this.#serverFinal = expectedServerFinal;
    return answer;
  }

  /** Sends the proof; also once more. Rejects when the node admits it without knowing the verifier. */
  async prove(url: string): Promise<Answer> {
    const answer = await post(url, "/v1/authenticate", this.proof);
    if (answer.status !== 200) return answer;
    if (answer.body.serverFinal !== this.#serverFinal) throw new Error("the node does not know the verifier");
    this.accessToken = String(answer.body.accessToken);
    this.refreshToken = String(answer.body.refreshToken);
    return answer;
  }

  async refresh(url: string): Promise<Answer> {
    const answer = await post(url, "/v1/authenticate/refresh", { refreshToken: this.refreshToken });
    if (answer.status === 200) this.accessToken = String(answer.body.accessToken);
    return answer;
  }

  authorize(url: string): Promise<Answer> {
    return post(url, "/v1/authorize", { accessToken: this.accessToken, service: "channel:news-1" });
  }
}
