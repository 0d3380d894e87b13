import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, expect, jest, test } from "@jest/globals";
import { Pause } from "./pause.ts";

const REQUEST = "POST / HTTP/1.1\r\nhost: box\r\ncontent-length: 2\r\n\r\n{}";

afterEach(() => {
  jest.useRealTimers();
});

test("what comes on a connection after a refusal is not read until the pause is over, and then is answered", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask"] });
  const pause = new Pause();
  const requests: IncomingMessage[] = [];
  await using server = createServer((request, response) => {
    requests.push(request);
    response.writeHead(503, { "content-length": 0 }).end();
    pause.add(request.socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const box = connect(port, "127.0.0.1");
  box.write(REQUEST);
  await once(box, "data");
  box.write(REQUEST);
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  expect(requests).toHaveLength(1);
  expect(requests[0]?.socket.isPaused()).toBe(true);
  jest.advanceTimersByTime(1_000);
  await once(box, "data");
  expect(requests).toHaveLength(2);
  box.destroy();
});

test("of many connections few are read again at a time while others are refused, then ever more, those first that waited longest", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask"] });
  const pause = new Pause();
  const resumed: number[] = [];
  const refuse = async (...boxes: readonly number[]): Promise<void> => {
    for (const box of boxes) pause.add({ destroyed: box === GONE, pause: () => {}, resume: () => resumed.push(box) });
    await new Promise(setImmediate);
  };
  const GONE = 7;
  const all = Array.from({ length: 4_000 }, (_, box) => box);
  await refuse(...all);
  const readInTick = (): number => {
    const before = resumed.length;
    jest.advanceTimersByTime(50);
    return resumed.length - before;
  };
  jest.advanceTimersByTime(950);
  expect(resumed).toEqual([]);
  await refuse(4_000);
  expect(readInTick()).toBe(100);
  expect([readInTick(), readInTick(), readInTick()]).toEqual([200, 400, 800]);
  await refuse(4_001);
  expect(readInTick()).toBe(100);
  const rest = Array.from({ length: 30 }, readInTick);
  expect(rest.slice(0, 5)).toEqual([200, 400, 800, 999, 0]);
  expect(Math.max(...rest)).toBe(999);
  expect(resumed).toEqual([...all, 4_000, 4_001].filter((box) => box !== GONE));
});
