import { UserError } from "../../lib/errors.ts";
import { say, step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";
import { type ApiServer, startApiServer } from "../../services/api-server.ts";
import { freePorts } from "../../services/ports.ts";
import { type Load, loadOn, NAMESPACE } from "./load.ts";
import { missingMetrics, scrape, sumOf } from "./metrics.ts";
import { ourProgram, type Program, peerProgram } from "./programs.ts";
import { describe, type Figures, report } from "./report.ts";
import { quantile } from "./statistics.ts";
import { startSubject } from "./subject.ts";

// For a quick trial there may be less of everything.
const OBJECTS = Number(process.env.BENCH_OBJECTS ?? 10_000);
const UPDATES_PER_SECOND = 200;
const SECONDS = Number(process.env.BENCH_SECONDS ?? 20);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const UPDATES = UPDATES_PER_SECOND * SECONDS;
const DEADLINE = { deadlineMs: 60_000, intervalMs: 100 };

/**
 * Our controller core beside controller-runtime: the same controller, on the same API server, in turn. A ratio is ours
 * divided by controller-runtime's, each the median of all rounds. BENCH_OBJECTS, BENCH_SECONDS and BENCH_ROUNDS change
 * how much there is of each.
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
  for (let round = 1; round <= ROUNDS; round++) {
    for (const program of round % 2 === 1 ? [peer, ours] : [ours, peer]) {
      const name = `Round ${round} of ${ROUNDS}: ${program.name}`;
      figures.get(program)?.push(await step(name, () => measure(program, server, load)));
    }
  }
  const missing = missingMetrics(await metricsOf(peer, server), await metricsOf(ours, server));
  const result = report(figures.get(ours) ?? [], figures.get(peer) ?? []);
  return {
    ...result,
    metrics_missing: missing,
    objects: OBJECTS,
    updates_per_second: UPDATES_PER_SECOND,
    rounds: ROUNDS,
  };
}

async function measure(program: Program, server: ApiServer, load: Load): Promise<Figures> {
  const [port = 0] = await freePorts(1);
  await using subject = startSubject(program, flagsFor(server, port));
  const { startedAt, syncedAt } = await subject.synced();
  const writes = await load.update({ objects: OBJECTS, perSecond: UPDATES_PER_SECOND, seconds: SECONDS });
  const metrics = await until("every update was handled", () => handledAll(port), DEADLINE);
  const { cpuSeconds, peakMib } = await subject.usage();
  const latencies = await subject.end();
  if (OBJECTS >= UPDATES && latencies.length !== UPDATES) {
    throw new Error(`${program.name} saw ${latencies.length} of ${UPDATES} updates`);
  }
  const result = {
    sync_ms: syncedAt - startedAt,
    start_to_sync_ms: syncedAt - subject.spawnedAt,
    p50_ms: quantile(latencies, 0.5),
    p99_ms: quantile(latencies, 0.99),
    cpu_s: cpuSeconds,
    memory_mib: peakMib,
    requests: sumOf(metrics, "rest_client_requests_total"),
    write_p50_ms: quantile(writes, 0.5),
    write_p99_ms: quantile(writes, 0.99),
  };
  say(`      ${describe(result)}`);
  return result;
}

/** The metrics page once it counts as many reconciles as there were objects and updates; few objects coalesce some. */
async function handledAll(port: number): Promise<string | undefined> {
  const page = await scrape(port);
  const reconciled = sumOf(page, "controller_runtime_reconcile_total", { result: "success" });
  return reconciled >= OBJECTS + Math.min(UPDATES, OBJECTS) ? page : undefined;
}

/** The metrics of a controller that is elected and has seen every object. */
async function metricsOf(program: Program, server: ApiServer): Promise<string> {
  const [port = 0] = await freePorts(1);
  await using subject = startSubject(program, { ...flagsFor(server, port), "leader-elect": "true" });
  await subject.synced();
  return await scrape(port);
}

function flagsFor(server: ApiServer, port: number): Record<string, string> {
  return {
    kubeconfig: server.kubeconfig,
    namespace: NAMESPACE,
    objects: String(OBJECTS),
    "metrics-port": String(port),
  };
}
