import {
  ACCOUNTING_EXCHANGE,
  ACCOUNTING_QUEUE,
  ACCOUNTING_ROUTING_KEY,
  DEFAULT_OSS_EXCHANGE,
  partitionQueue as partitionQueueOfContract,
  REQUESTS_EXCHANGE,
  SNAPSHOT_REQUESTS_QUEUE,
  SNAPSHOT_ROUTING_KEY,
} from "@aaa-cluster/contract";
import { expect, test } from "@jest/globals";
import { BROKER, partitionQueue } from "./names.ts";
import { aCluster } from "./testing/fixtures.ts";

// The operator does not depend on the contract between the services, but must mean the same things by the same names.
test("the operator and the services call what is at the broker by the same names", () => {
  expect(aCluster().oss.exchange).toBe(DEFAULT_OSS_EXCHANGE);
  expect(BROKER.requestsExchange).toBe(REQUESTS_EXCHANGE);
  expect(BROKER.snapshotRequestsQueue).toBe(SNAPSHOT_REQUESTS_QUEUE);
  expect(BROKER.snapshotRequestsKey).toBe(SNAPSHOT_ROUTING_KEY);
  expect(BROKER.accountingExchange).toBe(ACCOUNTING_EXCHANGE);
  expect(BROKER.accountingQueue).toBe(ACCOUNTING_QUEUE);
  expect(BROKER.accountingKey).toBe(ACCOUNTING_ROUTING_KEY);
  expect(partitionQueue("tv-aaa-0")).toBe(partitionQueueOfContract("tv-aaa-0"));
});
