import { once } from "node:events";
import { Agent, type ClientRequest, request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { OssService } from "../../oss-service/src/service.ts";
import { type Answer, Oss } from "./oss.ts";

const LINES = 2_500;
const NDJSON = { accept: "application/x-ndjson", "content-type": "application/x-ndjson" };

jest.setTimeout(60_000);

let oss: Oss;

beforeAll(async () => {
  oss = await Oss.start(2);
});

afterAll(() => oss?.[Symbol.asyncDispose]());

type AnswerLine = Record<string, unknown>;

const offering = (id: string, name = id): string =>
  JSON.stringify({ entity: "ProductOffering", id, payload: { name, services: [] } });
const removal = (id: string): string => JSON.stringify({ entity: "ProductOffering", id, payload: null });
const offerings = (prefix: string, count = LINES): string[] =>
  Array.from({ length: count }, (_, index) => offering(`${prefix}-${index + 1}`));
const parse = (body: string): AnswerLine[] =>
  body
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AnswerLine);
const stored = async (prefix: string): Promise<number> =>
  (await oss.query(`select 1 from entities where payload is not null and entity_id like '${prefix}-%'`)).length;
const events = async (prefix: string): Promise<number> =>
  (await oss.query(`select 1 from outbox where body ->> 'entityId' like '${prefix}-%'`)).length;

async function stream(
  lines: readonly string[],
  headers: Record<string, string> = {},
  replica = 0,
): Promise<AnswerLine[]> {
  const response = await fetch(oss.request("POST", "/v1/bulk", { ...NDJSON, ...headers }, oss.replicas[replica]), {
    body: lines.join("\n"),
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  return parse(await response.text());
}

class DisposableAgent extends Agent implements Disposable {
  connections = 0;

  override createConnection(...args: Parameters<Agent["createConnection"]>): ReturnType<Agent["createConnection"]> {
    this.connections += 1;
    return super.createConnection(...args);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Begins a bulk request without sending a line of it. */
function begin({
  agent,
  accept = NDJSON.accept,
  to,
}: {
  agent?: Agent;
  accept?: string;
  to?: OssService;
} = {}): ClientRequest {
  const { url, headers } = oss.request("POST", "/v1/bulk", { ...NDJSON, accept }, to);
  return httpRequest(url, { method: "POST", headers: Object.fromEntries(headers), ...(agent && { agent }) });
}

/** Ends a request, then reads its answer. */
async function finish(sending: ClientRequest, body = ""): Promise<string> {
  const [[response]] = await Promise.all([once(sending, "response"), sending.end(body)]);
  return text(response);
}

test("without accept: application/x-ndjson all lines are applied or none", async () => {
  const lines = offerings("atomic");
  const wrong = [...lines.slice(0, 2_000), "nonsense", ...lines.slice(2_000)];
  await expect(oss.call("POST", "/v1/bulk", wrong.join("\n"))).resolves.toMatchObject({
    status: 400,
    body: { errors: ["line 2001: is not a JSON object"] },
  });
  expect(await stored("atomic")).toBe(0);
  await expect(oss.call("POST", "/v1/bulk", lines.join("\n"))).resolves.toMatchObject({
    status: 200,
    body: { accepted: LINES, created: LINES },
  });
  expect(await stored("atomic")).toBe(LINES);
});

test("more lines than are committed at once are refused with what to send, and nothing is applied", async () => {
  await expect(oss.call("POST", "/v1/bulk", offerings("many", 10_001).join("\n"))).resolves.toMatchObject({
    status: 413,
    body: { detail: expect.stringContaining("accept: application/x-ndjson") },
  });
  expect(await stored("many")).toBe(0);
});

test("a stream is applied in chunks of a thousand lines, each with an answer, and one that says it is complete", async () => {
  const answers = await stream([...offerings("stream"), offering("stream-1", "Changed"), removal("stream-1")]);
  const counts = answers.map(({ sequence: _, ...counts }) => counts);
  expect(counts).toEqual([
    { through: 1_000, accepted: 1_000, created: 1_000, changed: 0, deleted: 0 },
    { through: 2_000, accepted: 1_000, created: 1_000, changed: 0, deleted: 0 },
    { through: 2_501, accepted: 501, created: 500, changed: 1, deleted: 0 },
    { through: 2_502, accepted: 1, created: 0, changed: 0, deleted: 1 },
    { complete: true, through: 2_502, accepted: 2_502 },
  ]);
  const { body } = await oss.call("GET", "/v1/stream");
  expect(answers.at(-1)?.sequence).toBe(body.sequence);
  expect(answers.at(-2)?.sequence).toBe(body.sequence);
});

test("a stream ends before the first chunk with a wrong line, and says from which line to send again", async () => {
  const lines = offerings("wrong");
  const answers = await stream([...lines.slice(0, 1_700), "nonsense", ...lines.slice(1_700)]);
  expect(answers).toEqual([
    expect.objectContaining({ through: 1_000 }),
    {
      complete: false,
      through: 1_000,
      accepted: 1_000,
      sequence: answers[0]?.sequence,
      sendAgainFrom: 1_001,
      problem: expect.objectContaining({ status: 400, errors: ["line 1701: is not a JSON object"] }),
    },
  ]);
  expect(await stored("wrong")).toBe(1_000);
  await stream(lines.slice(1_000));
  expect([await stored("wrong"), await events("wrong")]).toEqual([LINES, LINES]);
});

test("under a key the corrected stream is sent again from its first line, and what was applied is not applied again", async () => {
  const lines = offerings("keyed");
  const headers = { "idempotency-key": "keyed" };
  const first = await stream([...lines.slice(0, 1_700), "nonsense", ...lines.slice(1_701)], headers);
  const second = await stream(lines, headers, 1);
  expect(second[0]).toEqual(first[0]);
  expect(second.at(-1)).toMatchObject({ complete: true, accepted: LINES });
  expect(await stream(lines, headers)).toEqual(second);
  expect([await stored("keyed"), await events("keyed")]).toEqual([LINES, LINES]);
  const changed = await stream([offering("keyed-1", "Other"), ...lines.slice(1)], headers);
  expect(changed).toMatchObject([{ complete: false, through: 0, sendAgainFrom: 1, problem: { status: 422 } }]);
  await expect(oss.call("POST", "/v1/bulk", lines.join("\n"), headers)).resolves.toMatchObject({ status: 422 });
});

test("a stream sent under one key to both replicas at once is applied once", async () => {
  const lines = offerings("twice");
  const headers = { "idempotency-key": "twice" };
  const [one, two] = await Promise.all([stream(lines, headers, 0), stream(lines, headers, 1)]);
  expect(one).toEqual(two);
  expect(await events("twice")).toBe(LINES);
});

test("chunks are applied and answered while the caller still sends, and a caller that breaks off keeps just those", async () => {
  const replica = await oss.startReplica("oss-slow");
  const lines = offerings("slow");
  const sending = begin({ to: replica });
  sending.write(`${lines.slice(0, 1_001).join("\n")}\n`);
  const [response] = await once(sending, "response");
  const [answer] = await once(response, "data");
  expect(parse(`${answer}`)).toMatchObject([{ through: 1_000, accepted: 1_000 }]);
  expect(await stored("slow")).toBe(1_000);
  sending.on("error", () => {});
  response.on("error", () => {});
  sending.write(lines.slice(1_001, 1_500).join("\n"));
  sending.destroy();
  await replica.stop();
  expect(await stored("slow")).toBe(1_000);
});

test("a replica that is stopped begins no other chunk, and says from which line to send to another", async () => {
  const replica = await oss.startReplica("oss-stopped");
  const lines = offerings("stopped");
  const sending = begin({ to: replica });
  sending.write(`${lines.slice(0, 1_001).join("\n")}\n`);
  const [response] = await once(sending, "response");
  const [first] = await once(response, "data");
  const stopped = replica.stop();
  sending.end(lines.slice(1_001).join("\n"));
  const answers = parse(`${first}${await text(response)}`);
  await stopped;
  expect(answers).toMatchObject([
    { through: 1_000 },
    { complete: false, through: 1_000, sendAgainFrom: 1_001, problem: { status: 503 } },
  ]);
  await expect(stream(lines.slice(1_000))).resolves.toContainEqual(expect.objectContaining({ complete: true }));
  expect(await events("stopped")).toBe(LINES);
});

test("what is no stream of lines is refused with a status of its own", async () => {
  const send = (headers: Record<string, string>, body = offering("refused")): Promise<Answer> =>
    oss.call("POST", "/v1/bulk", body, headers);
  await expect(send({ ...NDJSON, "idempotency-key": '"' })).resolves.toMatchObject({ status: 400 });
  await expect(send({ ...NDJSON, "if-match": '"1"' })).resolves.toMatchObject({ status: 400 });
  await expect(send({ "content-type": "application/json" })).resolves.toMatchObject({
    status: 415,
    body: { detail: expect.stringContaining("application/x-ndjson") },
  });
  await expect(send(NDJSON, "\n")).resolves.toMatchObject({ body: { complete: false, problem: { status: 400 } } });
});

test("after a refusal in the middle of what is sent, the same connection serves the next request", async () => {
  using agent = new DisposableAgent({ keepAlive: true, maxSockets: 1 });
  const lines = offerings("next", 60_000).join("\n");
  for (const accept of ["application/x-ndjson", "application/json"]) {
    const refused = await finish(begin({ agent, accept }), `nonsense\n${lines}`);
    expect(refused).toContain(accept === "application/json" ? "too-many-lines" : '"sendAgainFrom":1');
    expect(await finish(begin({ agent, accept }), offering("next-1"))).toContain('"accepted":1');
  }
  expect(agent.connections).toBe(1);
});
