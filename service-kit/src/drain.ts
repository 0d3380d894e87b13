import type { FastifyInstance } from "fastify";
import { Problem } from "./problem.ts";

/** How long requests that were begun may take when the server is closed. */
const CLOSE_MS = 10_000;

/** Whether a service is about to end: it still answers, but says that it is not ready and lets its connections go. */
export class Drain {
  #began = false;

  /** From here on every answer is the last one of its connection. */
  readonly begin = (): void => {
    this.#began = true;
  };

  get began(): boolean {
    return this.#began;
  }

  /** Why the service is not ready, or null. */
  get refusal(): Problem | null {
    return this.#began ? new Problem(503, "draining", "this service is about to end; ask another one") : null;
  }

  /** Makes every answer of the server say that its connection ends, while that is so. */
  watch(app: FastifyInstance): void {
    app.addHook("onRequest", (_request, reply, done) => {
      if (this.#began) reply.header("connection", "close");
      done();
    });
  }

  /** Stops to accept connections and answers what was asked, for 10 s at most; then whatever is still open is cut. */
  async close(app: FastifyInstance): Promise<void> {
    this.begin();
    const cut = setTimeout(() => app.server.closeAllConnections(), CLOSE_MS);
    await app.close();
    clearTimeout(cut);
  }
}
