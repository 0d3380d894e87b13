import { Client } from "undici";

/** An HTTP answer whose body is JSON. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** No whole answer came in time; whether the request was carried out is not known. */
export class TimeoutError extends Error {
  constructor(path: string, timeoutMs: number) {
    super(`${path} was not answered within ${timeoutMs} ms`);
    this.name = "TimeoutError";
  }
}

const HEADERS = ["content-type", "application/json"];

/**
 * One connection to a gateway, opened by the first request, kept open, and opened again when it was lost. One request at a
 * time is on it. An idle one does not keep the process alive. It costs little enough that a process may have thousands.
 */
export class Connection {
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #client: Client;

  constructor(url: string, timeoutMs: number) {
    this.url = url;
    this.#timeoutMs = timeoutMs;
    this.#client = new Client(new URL(url).origin, { connectTimeout: timeoutMs, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Posts JSON. Rejects with TimeoutError, with the error of a broken connection, or with SyntaxError. */
  post(path: string, body: object): Promise<Answer> {
    const timeoutMs = this.#timeoutMs;
    return new Promise((resolve, reject) => {
      let [status, text] = [0, ""];
      let headers: Answer["headers"] = {};
      let late: TimeoutError | null = null;
      let abort = (_reason: Error): void => {};
      const timer = setTimeout(() => {
        late = new TimeoutError(path, timeoutMs);
        reject(late);
        abort(late);
      }, timeoutMs);
      this.#client.dispatch(
        { method: "POST", path, headers: HEADERS, body: JSON.stringify(body) },
        {
          onRequestStart(controller) {
            if (late !== null) return controller.abort(late);
            abort = (reason) => controller.abort(reason);
          },
          onResponseStart(_controller, statusCode, given) {
            status = statusCode;
            headers = given;
          },
          onResponseData(_controller, chunk) {
            text += chunk.toString();
          },
          onResponseEnd() {
            clearTimeout(timer);
            try {
              resolve({ status, headers, body: JSON.parse(text) as Answer["body"] });
            } catch (error) {
              reject(error);
            }
          },
          onResponseError(_controller, error) {
            clearTimeout(timer);
            reject(error);
          },
        },
      );
    });
  }

  /** Drops the connection, as a power cut does; what is on its way rejects. */
  async drop(): Promise<void> {
    await this.#client.destroy();
  }
}
