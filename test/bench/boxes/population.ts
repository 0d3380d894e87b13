import { createHash } from "node:crypto";
import { digestOfTable } from "@aaa-cluster/service-kit";
import pg from "pg";
import { keysOf, type ScramKeys } from "../../box/scram.ts";

const CHUNK = 10_000;
const ITERATIONS = 4096;

/** What box number `index` of a population is called, and what it has to prove who it is. */
export interface BoxOfPopulation {
  readonly subscriberId: string;
  readonly deviceId: string;
  /** For what takes a password. */
  readonly password: string;
  /** For SCRAM. They follow from no password: neither the box nor the node could tell, and deriving so many takes minutes. */
  readonly keys: ScramKeys;
}

/** The service that every box of a population may use. */
export const SERVICE = "channel:news-1";

/** Pure: the same for the same index. */
export function boxOfPopulation(index: number): BoxOfPopulation {
  return {
    subscriberId: `subscriber-${index}`,
    deviceId: `box-${index}`,
    password: `password-${index}`,
    keys: keysOf(sha256(`salted ${index}`)),
  };
}

/** Fills the empty database of an OSS with subscribers, each with a device and an entitlement, and one offering. */
export async function fillOss(url: string, subscribers: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(OFFERING, [JSON.stringify({ name: "Basic", services: [SERVICE] })]);
    for (let first = 0; first < subscribers; first += CHUNK) {
      const boxes = Array.from({ length: Math.min(CHUNK, subscribers - first) }, (_, index) => first + index);
      await client.query(SUBSCRIBERS, [boxes, boxes.map((index) => JSON.stringify(credentialOf(index)))]);
    }
    await client.query(`update stream set digest = ${digestOfTable("entities")}`);
    await client.query("vacuum analyze entities");
  } finally {
    await client.end();
  }
}

const OFFERING =
  "insert into entities (entity, entity_id, version, payload) values ('ProductOffering', 'basic', 1, $1)";
const SUBSCRIBERS = `
  insert into entities (entity, entity_id, version, payload)
  select e.* from unnest($1::int[], $2::jsonb[]) as s (index, credential), lateral (values
    ('Subscriber', 'subscriber-' || index, 1, jsonb_build_object('status', 'active', 'credential', credential)),
    ('Device', 'box-' || index, 1, jsonb_build_object('subscriberId', 'subscriber-' || index, 'status', 'active')),
    ('Entitlement', 'entitlement-' || index, 1, jsonb_build_object('subscriberId', 'subscriber-' || index,
      'productOfferingId', 'basic', 'validFrom', '2026-01-01T00:00:00.000Z', 'status', 'active'))
  ) as e`;

function credentialOf(index: number): object {
  const { storedKey, serverKey } = boxOfPopulation(index).keys;
  return {
    scheme: "SCRAM-SHA-256",
    iterations: ITERATIONS,
    salt: sha256(`salt ${index}`).subarray(0, 16).toString("base64"),
    storedKey: storedKey.toString("base64"),
    serverKey: serverKey.toString("base64"),
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
