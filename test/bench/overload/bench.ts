import { DEFAULT_OSS_EXCHANGE, encodeEvents } from "@aaa-cluster/contract";
import { connect } from "amqplib";
import { UserError } from "../../lib/errors.ts";
import { postRequest } from "../../lib/line.ts";
import { quantile, rounded } from "../../lib/statistics.ts";
import { say, step } from "../../lib/steps.ts";
import { nodeState } from "../../replication/stack.ts";
import { startPostgresql } from "../../services/postgresql.ts";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import { identityAt, stopRequest } from "../accounting/records.ts";
import { EPOCH } from "../apply/events.ts";
import { writtenEventAt } from "../apply/queue.ts";
import { requestOf } from "../authorize/routes.ts";
import { startBareServer } from "../boxes/bare.ts";
import { type EmptyNode, startEmptyNode } from "../boxes/empty-node.ts";
import { type Storm, storm, sustained } from "./storm.ts";

const BOXES = Number(process.env.BOXES ?? 6_000);
const SECONDS = Number(process.env.SECONDS ?? 10);
/** So few that what a connection costs by itself, in the kernel's memory, is not seen. */
const FEW_BOXES = 256;
const MULTIPLES = [1, 2, 3] as const;

/**
 * What a node on one core serves when boxes report Stop records at 1, 2 and 3 times the rate that it can sustain, whatever became
 * of what they sent before; and at 3 times with boxes that do what `Retry-After` says. Meanwhile the stream goes on,
 * and probes are asked. What it can sustain is measured with the same boxes, each of which asks again when it was answered,
 * and also with 256 of them, and the higher of both counts: `bare_kept` is what a bare fastify, which has no load to shed, keeps of its rate from 256
 * connections to all, so what is lost by their number alone. BOXES and SECONDS change how many boxes there are, and how long each load lasts.
 */
export async function bench(): Promise<object> {
  if (process.platform !== "linux") throw new UserError("this bench reads /proc", "run it on Linux");
  await using postgresql = await step("Start PostgreSQL", () => startPostgresql());
  await using rabbitmq = await step("Start RabbitMQ", () => startRabbitmq());
  const env = { DEVICE_REQUESTS_PER_SECOND: "0" };
  await using node = await step("Start a node on one core", () => startEmptyNode(rabbitmq, postgresql, env));
  const tokens = await Promise.all(
    Array.from({ length: BOXES }, (_, box) => node.stack.accessToken(identityAt(box, BOXES))),
  );
  let next = 0;
  const request = (): Buffer => {
    next += 1;
    return stopRequest(tokens[next % BOXES] as string, "storm", next);
  };
  const sustain = (boxes: number, seconds = SECONDS): Promise<number> =>
    sustained(node.url, { boxes, seconds, request });
  await step("Warm up", () => sustain(FEW_BOXES, 3));
  const byFew = await step(`What it can sustain of ${FEW_BOXES} boxes`, () => sustain(FEW_BOXES));
  const peak = await step(`What it can sustain of ${BOXES} boxes`, () => sustain(BOXES));
  const bareKept = await step("What a bare fastify keeps with so many", keptByBare);
  // A node that breaks down under so many boxes must not make its load small by that.
  const sustainable = Math.max(peak, byFew);
  const stormOf = (multiple: number, polite: boolean): Promise<Storm> =>
    storm(node, { boxes: BOXES, perSecond: multiple * sustainable, seconds: SECONDS, polite, request });
  await using watch = await watchStream(node);
  const goodput: Record<string, number> = {};
  const storms: Storm[] = [];
  for (const multiple of MULTIPLES) {
    const result = await step(`${multiple} times that`, () => stormOf(multiple, false));
    say(`    ${describe(result)}`);
    storms.push(result);
    goodput[`goodput_${multiple}x`] = rounded(result.goodput);
  }
  const polite = await step("3 times that, by boxes that wait as they are told", () => stormOf(3, true));
  say(`    ${describe(polite)}`);
  const worst = storms.at(-1) as Storm;
  const best = Math.max(peak, ...storms.map((one) => one.goodput));
  return {
    kept_at_3x: rounded(worst.goodput / best),
    kept_at_3x_polite: rounded(polite.goodput / best),
    kept_at_3x_of_few: rounded(worst.goodput / Math.max(best, byFew)),
    bare_kept: rounded(bareKept),
    sustained_per_s: rounded(peak),
    sustained_of_few_per_s: rounded(byFew),
    ...goodput,
    goodput_per_cpu_s: storms.map(({ perCpuSecond }) => rounded(perCpuSecond)),
    goodput_3x_polite: rounded(polite.goodput),
    refused_3x: rounded(worst.refused),
    p50_ms_3x: rounded(worst.p50),
    p99_ms_3x: rounded(worst.p99),
    unanswered: storms.reduce((sum, one) => sum + one.unanswered, polite.unanswered),
    probe_p99_ms: rounded(quantile(watch.probes, 0.99)),
    stream_max_lag_s: rounded(watch.maxLagSeconds),
    boxes: BOXES,
    seconds: SECONDS,
  };
}

const describe = ({ offered, goodput, perCpuSecond, refused, p50, p99 }: Storm): string =>
  `${rounded(offered)}/s wanted, ${rounded(goodput)}/s served (${rounded(perCpuSecond)} per CPU second), ` +
  `${rounded(100 * refused)} % refused, ` +
  `p50 ${rounded(p50)} ms, p99 ${rounded(p99)} ms`;

/** What share of its rate with few connections a bare fastify has with as many as there are boxes. */
async function keptByBare(): Promise<number> {
  await using bare = await startBareServer(new URL("../authorize/routes.ts", import.meta.url).pathname);
  const asked = postRequest("/v1/authorize", requestOf("x".repeat(256)));
  const load = { seconds: SECONDS / 2, request: () => asked };
  const url = `http://127.0.0.1:${bare.port}`;
  await sustained(url, { ...load, boxes: FEW_BOXES });
  const byFew = await sustained(url, { ...load, boxes: FEW_BOXES });
  return (await sustained(url, { ...load, boxes: BOXES })) / byFew;
}

interface Watch extends AsyncDisposable {
  /** How long each probe of liveness took, in ms. */
  readonly probes: readonly number[];
  /** The longest that a broadcast waited until the node had it. */
  readonly maxLagSeconds: number;
}

/** Ten broadcasts a second, and as many probes. */
async function watchStream(node: EmptyNode): Promise<Watch> {
  const connection = await connect(node.stack.vhost.urlAs("admin"));
  const channel = await connection.createChannel();
  const sentAt = new Map<bigint, number>();
  const probes: number[] = [];
  let [sequence, maxLagSeconds] = [0, 0];
  const look = async (): Promise<void> => {
    const began = performance.now();
    const live = await fetch(new URL("/livez", node.url));
    probes.push(performance.now() - began);
    if (!live.ok) throw new Error(`/livez: ${live.status}`);
    const applied = BigInt((await nodeState(node)).sequence);
    const oldest = [...sentAt].find(([place]) => place > applied);
    for (const place of sentAt.keys()) if (place <= applied) sentAt.delete(place);
    if (oldest !== undefined) maxLagSeconds = Math.max(maxLagSeconds, (performance.now() - oldest[1]) / 1000);
  };
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    sequence += 1;
    sentAt.set(BigInt(sequence), performance.now());
    channel.publish(DEFAULT_OSS_EXCHANGE, "", encodeEvents(EPOCH, [writtenEventAt(sequence, 100)]), {
      persistent: true,
    });
    looking = looking.then(look);
  }, 100);
  return {
    probes,
    get maxLagSeconds() {
      return maxLagSeconds;
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await looking;
      await connection.close();
    },
  };
}
