import type { Drain } from "@aaa-cluster/service-kit";
import type { FastifyInstance, FastifyReply, RouteHandlerMethod } from "fastify";
import type { Counter } from "prom-client";
import { boxOf, type DeviceLimit } from "./device-limit.ts";
import { Pause } from "./pause.ts";
import { overloaded, retryAfterSeconds, tooManyRequests } from "./problems.ts";
import { Turn } from "./turn.ts";

/**
 * A turn of the event loop that takes longer keeps the stream, the probes and every box waiting. What comes in it waits for the
 * next one, so for twice as long at most: less than probes and boxes do.
 */
const LONGEST_TURN_MS = 1_000;
/** Requests that wait for something else than this process, for example its database: twice as many as accounting records may. */
const MOST_IN_PROGRESS = 4_000;

export type ShedReason = "turn" | "in-progress" | "accounting" | "device";

export interface AdmissionDeps {
  readonly deviceLimit: DeviceLimit;
  readonly shed: Counter<"reason">;
  readonly drain: Drain;
}

/** What is refused so that the rest is served: before it is read, with an answer that is ready. */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #turn = new Turn();
  readonly #pause = new Pause();
  readonly #body = Buffer.from(JSON.stringify(overloaded("this node has more to do than it can").toJSON()));
  #inProgress = 0;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** Requests that could not be answered at once, and are being worked on. */
  get inProgress(): number {
    return this.#inProgress;
  }

  /** Guards the routes that are registered with `app` from now on, and no others: probes and metrics are answered always. */
  guard(app: FastifyInstance): void {
    app.addHook("onRequest", (_request, reply, done) => {
      const reason = this.#overload();
      if (reason === null) done();
      else this.shed(reply, reason);
    });
    app.addHook("onRoute", (route) => {
      route.handler = this.#counted(route.handler);
    });
  }

  /** Around the handler, when the body is there: whoever sends it slowly takes nobody's place. */
  #counted(handler: RouteHandlerMethod): RouteHandlerMethod {
    const begin = (body: unknown): void => this.#limit(body);
    const wait = (answer: Promise<unknown>): void => this.#wait(answer);
    return function (request, reply) {
      begin(request.body);
      const answer = handler.call(this, request, reply);
      if (answer instanceof Promise) wait(answer);
      return answer;
    };
  }

  #limit(body: unknown): void {
    const box = boxOf(body);
    const tooEarlyMs = box === null ? 0 : this.#deps.deviceLimit.take(box, performance.now());
    if (tooEarlyMs === 0) return;
    this.#deps.shed.inc({ reason: "device" });
    throw tooManyRequests(tooEarlyMs / 1000);
  }

  #wait(answer: Promise<unknown>): void {
    this.#inProgress += 1;
    const end = (): void => {
      this.#inProgress -= 1;
    };
    answer.then(end, end);
  }

  /** Answers at once, without a look at the body. */
  shed(reply: FastifyReply, reason: ShedReason): void {
    const { shed, drain } = this.#deps;
    shed.inc({ reason });
    reply.hijack();
    reply.raw
      .writeHead(503, {
        "content-type": "application/problem+json",
        "content-length": this.#body.length,
        "retry-after": String(retryAfterSeconds()),
        ...(drain.began ? { connection: "close" } : {}),
      })
      .end(this.#body);
    if (!drain.began) this.#pause.add(reply.request.raw.socket);
  }

  #overload(): ShedReason | null {
    if (this.#turn.take() > LONGEST_TURN_MS) return "turn";
    return this.#inProgress >= MOST_IN_PROGRESS ? "in-progress" : null;
  }
}
