import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { imageSettings } from "../../../images/settings.ts";
import { endingWithParent } from "../../lib/run.ts";
import { until } from "../../lib/until.ts";

const WARN = 40;
const SHOWN_LINES = 5;

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [member: string]: unknown;
}

/** A service in a process of its own, as its image runs it, which can be ended and started again. */
export class ServiceProcess implements AsyncDisposable {
  readonly name: string;
  /** What it has logged, in all its lives. */
  readonly log: LogLine[] = [];
  /** How it ended when nobody had told it to. */
  readonly crashes: string[] = [];
  readonly #command: readonly [string, ...string[]];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #toldToEnd = false;
  #url: string | null = null;

  /** @param service the workspace that the service is, for example `oss-service` */
  constructor(name: string, service: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    const root = new URL("../../../", import.meta.url);
    const { flags } = imageSettings(readFileSync(new URL(`images/${service}/Dockerfile`, root), "utf8"));
    this.#command = [process.execPath, ...flags, new URL(`${service}/src/main.ts`, root).pathname];
    this.#env = env;
  }

  /** Where it answers. Rejects while it has not been started. */
  get url(): string {
    if (this.#url === null) throw new Error(`${this.name} is not running`);
    return this.#url;
  }

  /** The id of the process. Rejects while it is not running. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} is not running`);
    return this.#child.pid;
  }

  /** Starts it, unless it runs already, and waits until it listens. */
  async start(): Promise<void> {
    if (this.#child === null) this.#spawn();
    await until(`${this.name} listens`, () => this.#url, { deadlineMs: 30_000, intervalMs: 20 });
  }

  /** Sends a signal that ends it or not. SIGTERM lets it finish, for which it may take a while. */
  signal(name: NodeJS.Signals): void {
    if (name === "SIGTERM" || name === "SIGKILL") this.#toldToEnd = true;
    this.#child?.kill(name);
  }

  /** Ends it at once, whatever it is at, and waits until it has ended. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const ended = once(child, "close");
    this.signal("SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** What it has warned of last, for a person to read. */
  warnings(): string[] {
    const shown = this.log.filter(({ level }) => level >= WARN).slice(-SHOWN_LINES);
    return shown.map((line) => `${this.name}: ${JSON.stringify(line)}`);
  }

  #spawn(): void {
    const env = { ...process.env, NODE_OPTIONS: "", ...this.#env, LOG_LEVEL: "info" };
    const [command, ...args] = endingWithParent(...this.#command);
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#toldToEnd = false;
    createInterface({ input: child.stdout }).on("line", (text) => this.#read(text));
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.once("close", (code, signal) => {
      this.#child = null;
      this.#url = null;
      const asTold = this.#toldToEnd && (code === 0 || signal !== null);
      if (!asTold) this.crashes.push(`${this.name} ended with ${code ?? signal}: ${said.trim()}`);
    });
  }

  #read(text: string): void {
    const line = JSON.parse(text) as LogLine;
    this.log.push(line);
    if (line.msg === "listening") this.#url = String(line.url);
  }
}
