import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { until } from "../lib/until.ts";

const SCRIPT = join(import.meta.dirname, "leader-candidate.ts");
const DEADLINE = { deadlineMs: 60_000, intervalMs: 10 };

/** A process of `leader-candidate.ts`. */
export class Candidate {
  readonly identity: string;
  /** Its exit code, null when a signal ended it. */
  readonly ended: Promise<number | null>;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  /** It has looked at the Lease and waits for it, or holds it. */
  #stands = false;

  constructor(identity: string, kubeconfig: string) {
    this.identity = identity;
    const env = { ...process.env, NODE_OPTIONS: "" };
    const stdio = ["pipe", "pipe", "inherit"] as const;
    this.#process = spawn(process.execPath, [SCRIPT, kubeconfig, identity], { env, stdio: [...stdio] });
    this.ended = once(this.#process, "exit").then(([code]) => code);
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      const { msg } = JSON.parse(line) as { msg: string };
      if (msg === "Found a leader" || msg === "Acquired the lease") this.#stands = true;
    });
  }

  get stands(): boolean {
    return this.#stands;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}

/** All processes of one election. */
export class Candidates implements AsyncDisposable {
  readonly #kubeconfig: string;
  readonly #all: Candidate[] = [];

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  /** Starts one more, under a name of its own. */
  start(): void {
    this.#all.push(new Candidate(`candidate-${this.#all.length}`, this.#kubeconfig));
  }

  named(identity: string): Candidate {
    const found = this.#all.find((candidate) => candidate.identity === identity);
    if (found === undefined) throw new Error(`there is no ${identity}`);
    return found;
  }

  get running(): readonly Candidate[] {
    return this.#all.filter(({ isRunning }) => isRunning);
  }

  /** Resolves when so many take part; three run, so that the next is on its way while two are at work. */
  async stand(count: number): Promise<void> {
    while (this.running.length < 3) this.start();
    const standing = () => this.running.filter(({ stands }) => stands).length;
    await until(`${count} candidates stand`, () => standing() >= count, DEADLINE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const candidate of this.#all) candidate.signal("SIGKILL");
    await Promise.all(this.#all.map(({ ended }) => ended));
  }
}
