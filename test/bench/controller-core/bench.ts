import { UserError } from "../../lib/errors.ts";
import { scrape, sumOf } from "../../lib/prometheus.ts";
import { median, quantile, rounded } from "../../lib/statistics.ts";
import { say, step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";
import { type ApiServer, startApiServer } from "../../services/api-server.ts";
import { freePorts } from "../../services/ports.ts";
import { type Load, loadOn, NAMESPACE } from "./load.ts";
import { missingMetrics } from "./metrics.ts";
import { ourProgram, type Program, peerProgram } from "./programs.ts";
import { describe, type Figures, report } from "./report.ts";
import { type Latencies, type Subject, startSubject } from "./subject.ts";

// For a quick trial there may be less of everything.
const OBJECTS = Number(process.env.BENCH_OBJECTS ?? 10_000);
const UPDATES_PER_SECOND = 200;
const SECONDS = Number(process.env.BENCH_SECONDS ?? 20);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const UPDATES = UPDATES_PER_SECOND * SECONDS;
const DEADLINE = { deadlineMs: 60_000, intervalMs: 100 };

interface Running {
  readonly program: Program;
  readonly subject: Subject;
  readonly port: number;
}

/**
 * Our controller core beside controller-runtime: the same controller, on the same API server, at the same time. A ratio
 * is ours divided by controller-runtime's, each the median of all rounds. BENCH_OBJECTS, BENCH_SECONDS and BENCH_ROUNDS
 * change how much there is of each.
 */
export async function bench(): Promise<object> {
  if (process.platform !== "linux") throw new UserError("this bench reads /proc", "run it on Linux");
  const peer = await peerProgram();
  const ours = await ourProgram();
  await using server = await step("Start an API server", () => startApiServer());
  using load = loadOn(server);
  await step(`Create ${OBJECTS} ConfigMaps`, () => load.create(OBJECTS));
  const figures = new Map<Program, Figures[]>([
    [peer, []],
    [ours, []],
  ]);
  const writes: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const order = round % 2 === 1 ? [peer, ours] : [ours, peer];
    const result = await step(`Round ${round} of ${ROUNDS}`, () => measure(order, server, load));
    for (const [program, found] of result.figures) figures.get(program)?.push(found);
    writes.push(result.writeP50);
  }
  const missing = missingMetrics(await metricsOf(peer, server), await metricsOf(ours, server));
  return {
    ...report(figures.get(ours) ?? [], figures.get(peer) ?? []),
    write_p50_ms: rounded(median(writes)),
    metrics_missing: missing,
    objects: OBJECTS,
    updates_per_second: UPDATES_PER_SECOND,
    rounds: ROUNDS,
  };
}

/**
 * Starts the programs one after the other, then changes objects for all of them: whatever else the machine does, and
 * however slow the API server is just then, is the same for both.
 */
async function measure(programs: readonly Program[], server: ApiServer, load: Load) {
  await using started = new AsyncDisposableStack();
  const running: Running[] = [];
  for (const program of programs) {
    const next = await start(program, server);
    running.push({ program, ...next });
    started.use(next.subject);
    await next.subject.synced();
  }
  const writes = await load.update({ objects: OBJECTS, perSecond: UPDATES_PER_SECOND, seconds: SECONDS });
  const figures = new Map<Program, Figures>();
  for (const one of running) {
    const found = await figuresOf(one, writes);
    figures.set(one.program, found);
    say(`      ${one.program.name.padEnd(20)}${describe(found)}`);
  }
  return { figures, writeP50: quantile([...writes.values()], 0.5) };
}

async function figuresOf({ program, subject, port }: Running, writes: Latencies): Promise<Figures> {
  const metrics = await until("every update was handled", () => handledAll(port), DEADLINE);
  const { startedAt, syncedAt } = await subject.synced();
  const { cpuSeconds, peakMib } = await subject.usage();
  const seen = await subject.end();
  const missed = [...writes.keys()].filter((name) => !seen.has(name));
  if (missed.length > 0) throw new Error(`${program.name} missed updates of ${missed.join(", ")}`);
  const latencies = [...seen.values()];
  const behind = [...seen].map(([name, ms]) => ms - (writes.get(name) ?? 0));
  return {
    sync_ms: syncedAt - startedAt,
    start_to_sync_ms: syncedAt - subject.spawnedAt,
    p50_ms: quantile(latencies, 0.5),
    p99_ms: quantile(latencies, 0.99),
    behind_p99_ms: quantile(behind, 0.99),
    cpu_s: cpuSeconds,
    memory_mib: peakMib,
    requests: sumOf(metrics, "rest_client_requests_total"),
  };
}

/** The metrics page once it counts as many reconciles as there were objects and updates; few objects coalesce some. */
async function handledAll(port: number): Promise<string | undefined> {
  const page = await scrape(port);
  const reconciled = sumOf(page, "controller_runtime_reconcile_total", { result: "success" });
  return reconciled >= OBJECTS + Math.min(UPDATES, OBJECTS) ? page : undefined;
}

/** The metrics of a controller that is elected and has seen every object. */
async function metricsOf(program: Program, server: ApiServer): Promise<string> {
  const { subject, port } = await start(program, server, { "leader-elect": "true" });
  await using _ = subject;
  await subject.synced();
  return await scrape(port);
}

async function start(program: Program, server: ApiServer, flags: Readonly<Record<string, string>> = {}) {
  const [port = 0] = await freePorts(1);
  const subject = startSubject(program, {
    kubeconfig: server.kubeconfig,
    namespace: NAMESPACE,
    objects: String(OBJECTS),
    "metrics-port": String(port),
    ...flags,
  });
  return { subject, port };
}
