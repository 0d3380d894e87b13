import { expect, test } from "@jest/globals";
import { contentOf, metricOf, population, query, Stack } from "./stack.ts";

test("a node keeps what a newer OSS sends of an entity it does not know, from the stream and from a snapshot", async () => {
  await using stack = await Stack.start();
  await stack.startOss();
  const databases = [await stack.database(), await stack.database()] as const;
  const early = await stack.startNode("tv-aaa-0", databases[0]);
  await stack.bulk(population(2));
  await stack.untilSynced(early);
  const event = {
    eventId: "one",
    eventTime: "2026-01-31T00:00:00Z",
    eventType: "QuotaCreateEvent",
    entity: "Quota",
    entityId: "q1",
    entityVersion: "1",
    payload: { streams: 3 },
  };
  await query(
    stack.ossDatabase.url,
    `insert into entities (entity, entity_id, version, payload) values ('Quota', 'q1', 1, '{"streams": 3}');
     with next as (
       update stream set sequence = sequence + 1, digest = digest # content_digest('Quota', 'q1', 1, '{"streams": 3}')
       returning sequence
     )
     insert into outbox (sequence, body) select sequence, '${JSON.stringify(event)}' from next; notify outbox`,
  );
  await stack.put("productOfferings/later", { name: "Later", services: [] });
  const late = await stack.startNode("tv-aaa-1", databases[1]);
  await stack.untilSynced(early, late);
  const content = await contentOf(stack.ossDatabase.url);
  expect(content).toContainEqual({ entity: "Quota", entity_id: "q1", version: "1", payload: { streams: 3 } });
  for (const database of databases) expect(await contentOf(database)).toEqual(content);
  expect(await metricOf(early, "aaa_node_unknown_entities_total")).toBe(1);
  expect(await metricOf(early, "aaa_node_quarantined_total")).toBe(0);
  expect(await metricOf(early, 'aaa_node_resyncs_total{reason="diverged"}')).toBe(0);
}, 60_000);
