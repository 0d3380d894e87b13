import { quantileBetween } from "../../lib/prometheus.ts";
import { median } from "../../lib/statistics.ts";
import type { OurSubject } from "./ours.ts";

type Pages = Awaited<ReturnType<OurSubject["scrape"]>>;

/** Where a write's time goes, as medians in ms. */
export interface Stages {
  /** From sending the request to the answer that it is committed. */
  readonly commit: number;
  /** From the commit to publishing. */
  readonly relay: number;
  /** From publishing to the delivery at a node. */
  readonly queue: number;
  /** From the delivery to the node's commit. */
  readonly apply: number;
  /** From publishing to the broker's confirm, which no node waits for. */
  readonly confirm: number;
}

/** Pure: what the services' own histograms say of the time between two scrapes. */
export function stagesBetween(before: Pages, after: Pages, answerMs: number): Stages {
  const oss = (name: string): number => quantileBetween(before.oss, after.oss, `aaa_oss_${name}`, 0.5) * 1000;
  const node = (name: string): number =>
    median(after.nodes.map((page, i) => quantileBetween(before.nodes[i] ?? "", page, `aaa_node_${name}`, 0.5))) * 1000;
  const [committed, published] = [oss("commit_seconds"), oss("relay_seconds")];
  const [apply, visible] = [node("apply_seconds"), node("propagation_seconds")];
  return {
    commit: answerMs,
    relay: published - committed,
    queue: visible - apply - published,
    apply,
    confirm: oss("confirm_seconds"),
  };
}
