import { gatewayOf } from "../../../operator/src/cluster/testing/fixtures.ts";
import { type RunningGateway, startGateway } from "../../gateways/haproxy.ts";
import { cpuSecondsOfTree } from "../../lib/process-tree.ts";
import { medians, rounded } from "../../lib/statistics.ts";
import { say, step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";
import { authorizations, authorizeRequests } from "../authorize/subject.ts";
import { compare, named, printTable } from "../boxes/compare.ts";
import { type Paced, paced } from "../boxes/paced.ts";
import { prepareNode } from "../boxes/prepare.ts";
import type { Subject } from "../boxes/subject.ts";

const POPULATION = Number(process.env.POPULATION ?? 20_000);
const SECONDS = Number(process.env.SECONDS ?? 8);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const LANES = Number(process.env.LANES ?? 64);
const RATE = Number(process.env.RATE ?? 1_000);

/**
 * What HAProxy costs: boxes that ask a node by way of the AAA gateway whether they may use a service, beside boxes that ask
 * the same node itself, in turns. HAProxy is the image's, with the configuration that the operator writes. The node has
 * a core for itself; HAProxy shares the other one with the load.
 *
 * First as many requests as the node can answer, with LANES under way at a time; then RATE of them a second, for what
 * HAProxy adds to an answer. POPULATION, SECONDS (of a round) and ROUNDS change the size.
 */
export async function bench(): Promise<object> {
  await using owned = new AsyncDisposableStack();
  const node = await prepareNode(owned, POPULATION);
  const requests = await step("Give each box a token", () => authorizeRequests(node, POPULATION));
  const port = Number(new URL(node.url).port);
  const gateway = owned.use(await step("Start the AAA gateway's HAProxy", () => startAaaGateway(port)));
  const subjects = {
    direct: owned.use(authorizations({ name: "straight to the node", port: () => port, cpu: node.cpu }, requests)),
    gateway: owned.use(
      authorizations({ name: "through the gateway", port: () => gateway.port, cpu: node.cpu }, requests),
    ),
  };
  const load = { lanes: LANES, seconds: SECONDS, population: POPULATION };
  const cpu = cpuOf(gateway, subjects.gateway);
  const most = await compare({ ...subjects, gateway: cpu.subject }, { ...load, rounds: ROUNDS, warmUpSeconds: 5 });
  const gatewayMicroseconds = await cpu.microsecondsPerRequest();
  printTable("authorizations", subjects, most);
  const answers = await calm(subjects, load);
  const nodeMicroseconds = 1e6 / most.direct.per_cpu_s;
  return {
    rate_ratio: rounded(most.gateway.per_s / most.direct.per_s),
    p99_ratio: rounded(most.gateway.p99_ms / most.direct.p99_ms),
    added_p50_ms: rounded(answers.gateway.p50_ms - answers.direct.p50_ms),
    added_p99_ms: rounded(answers.gateway.p99_ms - answers.direct.p99_ms),
    gateway_cpu_us: rounded(gatewayMicroseconds),
    node_cpu_us: rounded(nodeMicroseconds),
    cpu_ratio: rounded((nodeMicroseconds + gatewayMicroseconds) / nodeMicroseconds),
    ...named(most),
    calm_direct_p50_ms: rounded(answers.direct.p50_ms),
    calm_direct_p99_ms: rounded(answers.direct.p99_ms),
    calm_gateway_p50_ms: rounded(answers.gateway.p50_ms),
    calm_gateway_p99_ms: rounded(answers.gateway.p99_ms),
    calm_left_out: rounded(Math.max(answers.direct.left_out, answers.gateway.left_out)),
    calm_per_s: RATE,
    population: POPULATION,
    lanes: LANES,
  };
}

async function startAaaGateway(nodePort: number): Promise<RunningGateway> {
  const gateway = await startGateway(gatewayOf("aaa-gateway"), [nodePort]);
  await until("HAProxy has found the node ready", async () => (await gateway.own("/readyz")).status === 200, {
    deadlineMs: 20_000,
  });
  return gateway;
}

/** Counts what goes through the gateway. */
function cpuOf({ container }: RunningGateway, subject: Subject) {
  let requests = 0;
  const before = cpuSecondsOfTree(container.pid);
  const counted: Subject = {
    ...subject,
    once: async (lane, box) => {
      await subject.once(lane, box);
      requests += 1;
    },
  };
  return {
    subject: counted,
    /** CPU time of HAProxy for each request so far, in user and kernel mode, in µs. */
    microsecondsPerRequest: async () => (1e6 * ((await cpuSecondsOfTree(container.pid)) - (await before))) / requests,
  };
}

/** Answers at RATE: for each subject the medians of its rounds. */
async function calm<K extends string>(
  subjects: Readonly<Record<K, Subject>>,
  load: { lanes: number; seconds: number; population: number },
): Promise<Record<K, Paced>> {
  const names = Object.keys(subjects) as K[];
  const rounds = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, Paced[]>;
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const name of names) {
      const what = `Round ${round}, ${RATE} a second: ${subjects[name].name}`;
      rounds[name].push(await step(what, () => paced(subjects[name], RATE, load)));
    }
  }
  const answers = Object.fromEntries(names.map((name) => [name, medians(rounds[name])])) as unknown as Record<K, Paced>;
  for (const name of names) {
    const { p50_ms, p99_ms } = answers[name];
    say(`  ${subjects[name].name}, ${RATE} a second: ${rounded(p50_ms)} ms (p50), ${rounded(p99_ms)} ms (p99)`);
  }
  return answers;
}
