import { expect, test } from "@jest/globals";
import { chooseCluster } from "../../cluster/choose.ts";
import { Prober } from "../../gateways/prober.ts";
import {
  candidateNodes,
  cutCable,
  type Fault,
  heldBy,
  holders,
  killHaproxy,
  killKeepalived,
  VIRTUAL_IP,
} from "../../gateways/virtual-ip.ts";
import { conditionOf } from "../../lib/aaa-cluster.ts";
import { until } from "../../lib/until.ts";
import { MINUTE_MS, type TheStage } from "./stage.ts";

const GATEWAY = { mode: "Keepalived", replicas: 3, virtualIP: VIRTUAL_IP, interface: "eth0", preemptDelaySeconds: 2 };
const CLUSTER_IP = { type: "ClusterIP", nodePort: null };
const absent = (fields: object): object => Object.fromEntries(Object.keys(fields).map((field) => [field, null]));

/** The AAA gateway gets a virtual IP, which always finds a holder, and gives it back. */
export function virtualIPHasAHolder(stage: TheStage): void {
  // Cables can be cut where the nodes are network namespaces.
  const onLocal = chooseCluster().kind === "local" ? test : test.skip;
  let before: object = {};

  const patch = (gateway: object): Promise<string> => {
    const merge = `--patch=${JSON.stringify({ spec: { nodes: { gateway } } })}`;
    return stage().tv.kubectl.run(["patch", "aaacluster", stage().tv.name, "--type=merge", merge]);
  };

  onLocal(
    "an AAA gateway that goes over to a virtual IP is held by its first candidate, which the status names",
    async () => {
      const { tv } = stage();
      before = (await tv.get()).spec.nodes.gateway;
      await patch({ ...GATEWAY, service: CLUSTER_IP });
      const cluster = await tv.ready(5 * MINUTE_MS);
      const [first] = await candidateNodes(tv.kubectl);
      if (first === undefined) throw new Error("no candidate");
      await heldBy(first, MINUTE_MS);
      const named = async () =>
        (await tv.get()).status.gateways.find(({ name }: { name: string }) => name === "tv-aaa-gateway");
      await until("the status names the holder", async () => (await named())?.holder === first.name, {
        deadlineMs: MINUTE_MS,
      });
      expect(await named()).toMatchObject({ address: `${VIRTUAL_IP}:6060`, virtualRouterID: expect.any(Number) });
      expect(cluster.status.endpoints.aaa).toBe(`${VIRTUAL_IP}:6060`);
      expect(await (await tv.admittedBox(7)).authorize("channel:news")).toMatchObject({ decision: "Permit" });
    },
    8 * MINUTE_MS,
  );

  onLocal.each<[string, Fault]>([
    ["its cable is cut", cutCable],
    ["its HAProxy is killed", killHaproxy],
    ["its keepalived is killed", killKeepalived],
  ])(
    "when %s, the second candidate answers boxes, and the first again after it is back",
    async (_, fault) => {
      const [first, second] = await candidateNodes(stage().tv.kubectl);
      if (first === undefined || second === undefined) throw new Error("no candidates");
      await heldBy(first, MINUTE_MS);
      await using prober = new Prober(`http://${VIRTUAL_IP}:6060/v1/authorize`);
      await fault.strike(first);
      try {
        await until("the second candidate holds the address", async () => (await holders()).includes(second.name), {
          deadlineMs: MINUTE_MS,
          intervalMs: 100,
        });
        await until("boxes are answered", () => prober.isWell(500), { deadlineMs: MINUTE_MS, intervalMs: 100 });
      } finally {
        await fault.heal(first);
      }
      await heldBy(first, 3 * MINUTE_MS);
      await until("boxes are answered", () => prober.isWell(500), { deadlineMs: MINUTE_MS, intervalMs: 100 });
    },
    6 * MINUTE_MS,
  );

  onLocal(
    "a virtual IP outside of the subnet is said to be, and boxes are answered at the old one until it is mended",
    async () => {
      const { tv } = stage();
      await tv.ready(3 * MINUTE_MS);
      await patch({ virtualIP: "198.51.100.1" });
      await until(
        "the status says that the address is outside of the subnet",
        async () => conditionOf(await tv.get(), "GatewaysReady")?.reason === "VirtualIPOutsideSubnet",
        { deadlineMs: 2 * MINUTE_MS, intervalMs: 1000 },
      );
      await patch({ virtualIP: VIRTUAL_IP });
      await tv.ready(8 * MINUTE_MS);
    },
    12 * MINUTE_MS,
  );

  onLocal(
    "the gateway goes back to Service mode, and nobody has the address any more",
    async () => {
      const { tv } = stage();
      await patch({ ...absent(GATEWAY), ...before });
      await tv.ready(5 * MINUTE_MS);
      await until("nobody holds the address", async () => (await holders()).length === 0, {
        deadlineMs: 2 * MINUTE_MS,
      });
      expect(await (await tv.admittedBox(7)).authorize("channel:news")).toMatchObject({ decision: "Permit" });
    },
    8 * MINUTE_MS,
  );
}
