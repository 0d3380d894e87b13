import { expect, test } from "@jest/globals";
import { workloadsOf } from "../testing/children.ts";
import { aCluster } from "../testing/fixtures.ts";
import { SHAPES } from "../testing/specs.ts";
import { arrowsOf } from "./arrows.ts";

test.each(SHAPES)(
  "with %s, no arrow begins or ends at a component that there is none of, and each ends where somebody listens",
  (_, spec) => {
    const workloads = workloadsOf(aCluster(spec));
    for (const { from, to, ports } of arrowsOf(aCluster(spec))) {
      if (from !== "operator" && from !== "anyone") expect(workloads.map(({ name }) => name)).toContain(`tv-${from}`);
      if (to === "anyone") continue;
      const target = workloads.find(({ name }) => name === `tv-${to}`);
      const listening = target?.containers.flatMap(({ ports: own = [] }) =>
        own.map(({ containerPort }) => containerPort),
      );
      // Erlang's own ports are between brokers only, and in no list.
      if (from !== "broker") expect(listening).toEqual(expect.arrayContaining([...ports]));
    }
  },
);
