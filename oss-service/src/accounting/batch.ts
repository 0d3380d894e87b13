import { type AccountingRecord, ContractError, decodeAccountingRecord } from "@aaa-cluster/contract";

/** A message of the accounting queue, read as far as it can be. */
export type Delivery =
  | { readonly kind: "record"; readonly record: AccountingRecord; readonly body: Buffer }
  | { readonly kind: "poison"; readonly reason: string; readonly body: Buffer };

export function readDelivery(body: Buffer): Delivery {
  try {
    return { kind: "record", record: decodeAccountingRecord(body), body };
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    return { kind: "poison", reason: error.message, body };
  }
}

/** Deliveries of which the database refused one: two halves, or the one itself as poison. Throws what cannot be that. */
export function partsOf(deliveries: readonly Delivery[], refusal: unknown): readonly (readonly Delivery[])[] {
  const [first] = deliveries;
  if (deliveries.length === 1 && first?.kind === "record") {
    return [[{ kind: "poison", reason: String(refusal), body: first.body }]];
  }
  if (deliveries.length <= 1) throw refusal;
  const middle = Math.ceil(deliveries.length / 2);
  return [deliveries.slice(0, middle), deliveries.slice(middle)];
}
