import { IncomingMessage } from "node:http";

/** A body that is being read. */
interface Reading {
  readonly limitBytes: number;
  readonly done: (body: string | null) => void;
  readonly chunks: Buffer[];
  bytes: number;
}

/**
 * A request whose body is taken as Node's parser hands it over. It is a stream too, for whoever reads it as one; but a stream takes
 * longer to begin and to end than a small body takes to be read.
 */
export class BoxRequest extends IncomingMessage {
  #reading: Reading | "not begun" | "done" = "not begun";

  /**
   * Reads a body that may have so many bytes, and then says it; or null, at once, when it has more. Says nothing when the client goes
   * away before.
   */
  readBody(limitBytes: number, done: (body: string | null) => void): void {
    const reading = { limitBytes, done, chunks: [], bytes: 0 };
    this.#reading = reading;
    // Says that it is read; else Node would do so itself after the answer, to be rid of it.
    this._read(0);
    if (Number(this.headers["content-length"] ?? 0) > limitBytes) this.#end(reading, null);
  }

  /** The parser calls this with every part of a body as it comes, and with null at its end. */
  override push(chunk: Buffer | null): boolean {
    const reading = this.#reading;
    if (reading === "not begun") return super.push(chunk);
    // What comes after too much is dropped.
    if (reading === "done") return true;
    if (chunk === null) this.#end(reading, textOf(reading));
    else this.#take(reading, chunk);
    return true;
  }

  #take(reading: Reading, chunk: Buffer): void {
    reading.chunks.push(chunk);
    reading.bytes += chunk.length;
    if (reading.bytes > reading.limitBytes) this.#end(reading, null);
  }

  #end({ done }: Reading, body: string | null): void {
    this.#reading = "done";
    done(body);
  }
}

function textOf({ chunks, bytes }: Reading): string {
  const [only] = chunks;
  return (only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, bytes)).toString();
}
