import { expect, test } from "@jest/globals";
import { addressOf } from "./observe.ts";
import type { LivePod, LiveService } from "./world.ts";

const at = (spec: object, status: object = {}, hostIP = "192.0.2.1") =>
  addressOf({ name: "tv-aaa-gateway", port: 6060 }, "aaa", { spec, status } as LiveService, [
    { status: { hostIP } } as LivePod,
  ]);
const balanced = (ingress: object) => at({ type: "LoadBalancer" }, { loadBalancer: { ingress: [ingress] } });

test.each([
  ["inside of Kubernetes, by its name", at({ type: "ClusterIP" }), "tv-aaa-gateway.aaa.svc:6060"],
  ["at the address of its load balancer", balanced({ ip: "192.0.2.7" }), "192.0.2.7:6060"],
  ["at the name of its load balancer", balanced({ hostname: "lb.example" }), "lb.example:6060"],
  ["at an IPv6 address, in brackets", balanced({ ip: "2001:db8::7" }), "[2001:db8::7]:6060"],
  ["at a Kubernetes node", at({ type: "NodePort", ports: [{ nodePort: 30_060 }] }), "192.0.2.1:30060"],
  [
    "at a Kubernetes node with IPv6",
    at({ type: "NodePort", ports: [{ nodePort: 30_060 }] }, {}, "2001:db8::1"),
    "[2001:db8::1]:30060",
  ],
  ["nowhere while its load balancer has no address", at({ type: "LoadBalancer" }), undefined],
])("a gateway is found %s", (_, address, expected) => {
  expect(address).toBe(expected);
});
