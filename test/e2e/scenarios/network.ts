import { expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { MINUTE_MS, type TheStage } from "./stage.ts";

const CLOSED = [
  "tv-broker-nodes:5672",
  "tv-broker:15672",
  "tv-oss-database:5432",
  "tv-oss-nodes:6700",
  "tv-aaa-nodes:6600",
];
const OPEN = ["tv-broker-gateway:5670", "tv-oss-gateway:6070", "tv-aaa-gateway:6060"];

/** A pod that is none of the cluster's finds the gateways open and everything behind them closed. */
export function strangersStayOutside(stage: TheStage): void {
  test(
    "a strange pod reaches the gateways, and nothing behind them",
    async () => {
      const { kubectl } = stage().tv;
      const [broker] = await kubectl.list("pods", "app.kubernetes.io/component=broker,app.kubernetes.io/instance=tv");
      const container = { name: "bash", image: broker?.spec.containers[0].image, command: ["sleep", "600"] };
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "stranger" }, spec: { containers: [container] } };
      await kubectl.apply(stringify({ ...pod, spec: { ...pod.spec, terminationGracePeriodSeconds: 0 } }));
      await kubectl.run(["wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s"]);
      const isOpen = async (address: string): Promise<boolean> => {
        const [host, port] = address.split(":");
        const knock = `timeout 3 bash -c 'exec 3<>/dev/tcp/${host}/${port}' && echo open || echo closed`;
        return (await kubectl.run(["exec", "stranger", "--", "bash", "-c", knock])).trim() === "open";
      };
      const found = await Promise.all([...OPEN, ...CLOSED].map(async (at) => [at, await isOpen(at)] as const));
      expect(found.filter(([, open]) => open).map(([at]) => at)).toEqual(OPEN);
      await kubectl.run(["delete", "pod", "stranger", "--wait=false"]);
    },
    3 * MINUTE_MS,
  );
}
