import { expect, test } from "@jest/globals";
import { KubeClient } from "../../operator/src/kube/index.ts";
import { median } from "../lib/statistics.ts";
import { until } from "../lib/until.ts";
import { type ApiServer, startApiServer } from "../services/api-server.ts";
import { type Candidate, Candidates } from "./leader-candidates.ts";
import { History, violations } from "./leader-history.ts";

const KILLS = 50;
const PAUSES = 3;
/** That a leader gets to do before anything happens to it. */
const WRITES = 10;
const SOON = { deadlineMs: 30_000, intervalMs: 10 };

interface Election {
  readonly server: ApiServer;
  readonly history: History;
  readonly candidates: Candidates;
}

interface Leader {
  readonly leader: Candidate;
  readonly term: number;
}

/** Who leads and has written for a while, with at least one other waiting for its place. */
async function leading({ history, candidates }: Election): Promise<Leader> {
  await candidates.stand(2);
  const before = history.writes;
  return until(
    "a candidate leads and writes",
    () => {
      const { identity, term } = history.terms.at(-1) ?? { identity: "nobody", term: -1 };
      const leader = candidates.running.find((candidate) => candidate.identity === identity);
      return leader === undefined || history.writes < before + WRITES ? undefined : { leader, term };
    },
    SOON,
  );
}

/** When the first write of a later term was seen. */
async function successionAfter({ history }: Election, term: number): Promise<number> {
  const { at } = await until("another writes", () => history.terms.find((next) => next.term > term), SOON);
  return at;
}

/** Ends the leader by a signal, and starts another in its place. Resolves with ms until somebody else wrote. */
async function kill(election: Election, signal: "SIGTERM" | "SIGKILL"): Promise<number> {
  const { leader, term } = await leading(election);
  const killedAt = performance.now();
  leader.signal(signal);
  election.candidates.start();
  const succeededAt = await successionAfter(election, term);
  expect(await leader.ended).toBe(signal === "SIGTERM" ? 0 : null);
  return succeededAt - killedAt;
}

/** Stops the leader until somebody else has written, and then lets it go on. Resolves with ms until then. */
async function pause(election: Election): Promise<number> {
  const { leader, term } = await leading(election);
  const before = election.history.writes;
  // Right after a write, so as not to fall between the guard's look at the clock and the sending, which no client can
  // make one.
  await until("it writes", () => election.history.writes > before, { ...SOON, intervalMs: 1 });
  const pausedAt = performance.now();
  leader.signal("SIGSTOP");
  const succeededAt = await successionAfter(election, term);
  leader.signal("SIGCONT");
  expect(await leader.ended).toBe(1);
  return succeededAt - pausedAt;
}

/** Takes the API server away until the leader has given up, and brings it back. */
async function takeServerAway(election: Election): Promise<void> {
  const { leader, term } = await leading(election);
  await election.server.down("kill");
  expect(await leader.ended).toBe(1);
  await election.server.start();
  await successionAfter(election, term);
}

/** Ends everybody in good order. */
async function endAll({ candidates }: Election): Promise<void> {
  await candidates.stand(3);
  const last = candidates.running;
  for (const candidate of last) candidate.signal("SIGTERM");
  expect(await Promise.all(last.map(({ ended }) => ended))).toEqual([0, 0, 0]);
}

function summary(name: string, takeovers: readonly number[]): string {
  const [middle, most] = [median(takeovers), Math.max(...takeovers)].map(Math.round);
  return `${name} ${takeovers.length}: median ${middle} ms, most ${most} ms`;
}

test("at no moment do two lead and write, however leaders end", async () => {
  // Watches come from etcd itself, which forgets nothing when the API server restarts.
  await using server = await startApiServer({ flags: { "watch-cache": "false" } });
  await using history = await History.begin(new KubeClient(server.config()));
  await using candidates = new Candidates(server.kubeconfig);
  const election = { server, history, candidates };
  const released: number[] = [];
  const killed: number[] = [];
  const paused: number[] = [];

  for (let i = 0; i < KILLS / 2; i++) {
    released.push(await kill(election, "SIGTERM"));
    killed.push(await kill(election, "SIGKILL"));
  }
  for (let i = 0; i < PAUSES; i++) paused.push(await pause(election));
  await takeServerAway(election);
  await endAll(election);

  const takeovers = [summary("SIGTERM", released), summary("SIGKILL", killed), summary("SIGSTOP", paused)];
  process.stdout.write(`Takeovers after ${takeovers.join("; ")}; ${history.writes} writes\n`);
  expect(violations(history.changes)).toEqual([]);
  expect(Math.max(...released)).toBeLessThan(Math.min(...killed));
}, 400_000);
