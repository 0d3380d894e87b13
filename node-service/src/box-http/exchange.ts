import type { ServerResponse } from "node:http";
import { type Drain, type Logger, Problem, problemOf } from "@aaa-cluster/service-kit";
import type { Admission, ShedReason } from "../admission/admission.ts";
import { retryAfterSeconds } from "../admission/problems.ts";
import type { BoxRequest } from "./box-request.ts";
import type { Answer, BoxRoute, BoxRoutes, Head, Reply } from "./route.ts";

export interface ExchangeDeps {
  readonly admission: Admission;
  readonly drain: Drain;
  readonly log: Logger;
  /** How large a body may be. */
  readonly bodyBytes: number;
}

/** A route with all that it takes to serve it. */
export interface Served extends BoxRoute, Omit<BoxRoutes, "routes"> {
  /** What is wrong with a body, or null. */
  readonly problemIn: (body: unknown) => Problem | null;
}

const PROBLEM = "application/problem+json";
const CLOSE: Head = ["connection", "close"];
const retryAfter = (seconds: number): Head => ["retry-after", String(seconds)];

/** One request of a box, and the answer to it. */
export class Exchange implements Reply {
  head: Head = [];
  readonly #deps: ExchangeDeps;
  readonly #route: Served;
  readonly #response: ServerResponse;

  constructor(deps: ExchangeDeps, route: Served, response: ServerResponse) {
    this.#deps = deps;
    this.#route = route;
    this.#response = response;
  }

  /** Refuses the request, or reads and answers it. */
  begin(request: BoxRequest): void {
    const { admission, bodyBytes } = this.#deps;
    try {
      const refusal = admission.overload(this.#route.hasQueue) ?? this.#route.refusal(request.headers);
      if (typeof refusal === "string") {
        this.#shed(refusal, request);
        return;
      }
      this.head = this.#route.head();
      if (refusal !== null) throw refusal;
      if (!isJson(request.headers["content-type"])) throw wrongType();
      request.readBody(bodyBytes, (text) => {
        if (text === null) this.#refuseRest();
        else this.#answer(text);
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  #answer(text: string): void {
    try {
      const answer = this.#decide(text);
      if (answer instanceof Promise) this.#answerLater(answer);
      else this.#send(answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  #decide(text: string): Answer | Promise<Answer> {
    const body = parsed(text);
    const problem = this.#route.problemIn(body);
    if (problem !== null) throw problem;
    this.#deps.admission.limit(body);
    return this.#route.answer(body as never, this);
  }

  #answerLater(answer: Promise<Answer>): void {
    if (!this.#route.hasQueue) this.#deps.admission.wait(answer);
    answer.then((late) => this.#send(late)).catch((error) => this.#fail(error));
  }

  #send(answer: Answer): void {
    this.#write(200, "application/json", typeof answer === "string" ? answer : JSON.stringify(answer), []);
  }

  #fail(error: unknown): void {
    const problem = problemOf(error, this.#deps.log, this.#route.path);
    const { retryAfterSeconds: seconds } = problem;
    this.#refuse(problem, seconds === null ? [] : retryAfter(seconds));
  }

  /** Answers at once, without a look at the body. */
  #shed(reason: ShedReason, { socket }: BoxRequest): void {
    const { admission, drain } = this.#deps;
    this.#write(503, PROBLEM, admission.shed(reason), retryAfter(retryAfterSeconds()));
    if (!drain.began) admission.pause(socket);
  }

  /** Whoever sends too much is not listened to any more. */
  #refuseRest(): void {
    const { bodyBytes } = this.#deps;
    this.#refuse(
      new Problem(413, "too-large", `the body has more than ${bodyBytes} bytes; send less at a time`),
      CLOSE,
    );
  }

  #refuse(problem: Problem, head: Head): void {
    this.#write(problem.status, PROBLEM, JSON.stringify(problem), head);
  }

  #write(status: number, type: string, text: string, more: Head): void {
    const last = this.#deps.drain.began ? CLOSE : [];
    const head = [
      "content-type",
      type,
      "content-length",
      String(Buffer.byteLength(text)),
      ...this.head,
      ...more,
      ...last,
    ];
    this.#response.writeHead(status, head).end(text);
  }
}

function isJson(contentType: string | undefined): boolean {
  return contentType === "application/json" || /^\s*application\/json\s*(;|$)/i.test(contentType ?? "");
}

/** Throws Problem. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(400, "invalid-request", "the body is not JSON");
  }
}

const wrongType = (): Problem => new Problem(415, "invalid-request", "the content type has to be application/json");
