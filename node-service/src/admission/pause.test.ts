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
