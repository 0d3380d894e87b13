import { afterAll, expect } from "@jest/globals";
import { stranger } from "../../gateways/arp.ts";
import {
  cutCable,
  drain,
  type Fault,
  killHaproxy,
  killKeepalived,
  killNode,
  leaveBehind,
  pause,
  stopBackends,
} from "../../gateways/faults.ts";
import { Load } from "../../gateways/load.ts";
import {
  aaaGatewayOf,
  BROKER_VIRTUAL_IP,
  candidateNodes,
  changeGateways,
  everyCandidateKnows,
  heldBy,
  heldByNobody,
  holders,
  OSS_VIRTUAL_IP,
  patchGateways,
  STRANGERS_IP,
  VIRTUAL_IP,
  virtualGateway,
  withoutVirtualIP,
} from "../../gateways/virtual-ip.ts";
import { conditionOf, sampleSubscribers } from "../../lib/aaa-cluster.ts";
import type { Kubectl } from "../../lib/kubectl.ts";
import { until } from "../../lib/until.ts";
import { MINUTE_MS, onLocal, type TheStage } from "./stage.ts";

/** How long boxes may not be answered when the holder is lost, and two may hold the address: the aims, with room for a busy machine. */
const OUTAGE_MS = 10_000;
const HELD_TWICE_MS = 5_000;

/** The AAA gateway gets a virtual IP, which always finds a holder, and gives it back. */
export function virtualIPHasAHolder(stage: TheStage): void {
  let before: { readonly aaa: object; readonly broker: object; readonly oss: object };
  let load: Load | undefined;

  afterAll(() => load?.[Symbol.asyncDispose]());

  onLocal(
    "gateways go over to virtual IPs: the first candidate has that of AAA, as the status says, and OSS takes orders at its own",
    async () => {
      const { tv } = stage();
      const { nodes, broker, oss } = (await tv.get()).spec;
      before = { aaa: nodes.gateway, broker: broker.gateway, oss: oss.gateway };
      await changeGateways(tv, {
        aaa: virtualGateway(VIRTUAL_IP),
        broker: virtualGateway(BROKER_VIRTUAL_IP),
        oss: virtualGateway(OSS_VIRTUAL_IP),
      });
      const [first] = await candidateNodes(tv.kubectl);
      if (first === undefined) throw new Error("no candidate");
      await heldBy(first, MINUTE_MS);
      await until("the status names the holder", async () => (await aaaGatewayOf(tv)).holder === first.name, {
        deadlineMs: MINUTE_MS,
      });
      const gateway = await aaaGatewayOf(tv);
      expect(gateway).toMatchObject({ address: `${VIRTUAL_IP}:6060`, virtualRouterID: expect.any(Number) });
      expect((await tv.get()).status.endpoints).toMatchObject({
        aaa: `${VIRTUAL_IP}:6060`,
        oss: `${OSS_VIRTUAL_IP}:6070`,
      });
      expect(await (await tv.admittedBox(7)).authorize("channel:news")).toMatchObject({ decision: "Permit" });
      load = await Load.start(tv);
    },
    8 * MINUTE_MS,
  );

  onLocal.each<[string, (kubectl: Kubectl) => Fault]>([
    ["its cable is cut", () => cutCable],
    ["its HAProxy is killed", () => killHaproxy],
    ["its keepalived is killed", () => killKeepalived],
    ["its HAProxy and its keepalived are paused", () => pause],
    ["it is drained", drain],
    ["its kubelet and all of its containers are killed", () => killNode],
    ["every AAA pod of one node stands still", stopBackends],
  ])(
    "when %s, boxes are answered again soon, and by the first candidate alone after it is back",
    async (_, faultOf) => {
      const { tv } = stage();
      const [first, second] = await candidateNodes(tv.kubectl);
      if (first === undefined || second === undefined || load === undefined) throw new Error("no candidates");
      const fault = faultOf(tv.kubectl);
      await tv.ready(3 * MINUTE_MS);
      await everyCandidateKnows(tv, (await tv.nodes()).length);
      await heldBy(first);
      await load.well(MINUTE_MS);
      const since = load.begin();
      await fault.strike(first);
      try {
        // One that still has it and is dead is not heard.
        const holder = fault.moves ? second : first;
        await until(`${holder.name} holds the address`, async () => (await holders()).includes(holder.name), {
          deadlineMs: MINUTE_MS,
          intervalMs: 100,
        });
        await load.well(MINUTE_MS);
        expect(load.outageMs(since)).toBeLessThan(OUTAGE_MS);
      } finally {
        await fault.heal(first);
      }
      await heldBy(first, 3 * MINUTE_MS);
      await load.well(MINUTE_MS);
      expect(load.heldTwiceMs(since)).toBeLessThan(HELD_TWICE_MS);
    },
    8 * MINUTE_MS,
  );

  onLocal(
    "an address that a killed candidate left behind is gone before the candidate starts again",
    async () => {
      const { tv } = stage();
      const [first, second] = await candidateNodes(tv.kubectl);
      if (first === undefined || second === undefined) throw new Error("no candidates");
      await leaveBehind(VIRTUAL_IP, second);
      await heldBy(first);
    },
    2 * MINUTE_MS,
  );

  onLocal(
    "no message was lost that the broker gateway had confirmed, and no broadcast",
    async () => {
      const { tv } = stage();
      if (load === undefined) throw new Error("no load");
      await tv.ready(3 * MINUTE_MS);
      await tv.provision(sampleSubscribers(221, 230));
      await tv.converged((await tv.nodes()).length, 2 * MINUTE_MS);
      await until("messages are confirmed", () => (load?.publisher.confirmed ?? 0) > 0, { deadlineMs: MINUTE_MS });
      expect(await load.publisher.lost()).toEqual([]);
      await load[Symbol.asyncDispose]();
    },
    6 * MINUTE_MS,
  );

  onLocal(
    "a virtual IP outside of the subnet, or of somebody else, is said to be, and boxes are answered at the old one until it is mended",
    async () => {
      const { tv } = stage();
      await tv.ready(3 * MINUTE_MS);
      const box = await tv.admittedBox(7);
      await using _ = await stranger(STRANGERS_IP);
      const wrong = { VirtualIPOutsideSubnet: "198.51.100.1", VirtualIPInUse: STRANGERS_IP };
      for (const [reason, virtualIP] of Object.entries(wrong)) {
        await patchGateways(tv, { aaa: { virtualIP } });
        await until(
          `the status says ${reason}`,
          async () => conditionOf(await tv.get(), "GatewaysReady")?.reason === reason,
          { deadlineMs: 2 * MINUTE_MS, intervalMs: 1000 },
        );
        expect(await box.authorize("channel:news")).toMatchObject({ decision: "Permit" });
      }
      await patchGateways(tv, { aaa: { virtualIP: VIRTUAL_IP } });
      await tv.ready(8 * MINUTE_MS);
    },
    12 * MINUTE_MS,
  );

  onLocal(
    "gateways go back to Service mode, and nobody has their addresses any more",
    async () => {
      const { tv } = stage();
      await changeGateways(tv, {
        aaa: withoutVirtualIP(before.aaa),
        broker: withoutVirtualIP(before.broker),
        oss: withoutVirtualIP(before.oss),
      });
      for (const address of [VIRTUAL_IP, BROKER_VIRTUAL_IP, OSS_VIRTUAL_IP]) {
        await heldByNobody(address, 2 * MINUTE_MS);
      }
      expect(await (await tv.admittedBox(7)).authorize("channel:news")).toMatchObject({ decision: "Permit" });
    },
    8 * MINUTE_MS,
  );
}
