import { expect, test } from "@jest/globals";
import { aCluster } from "../testing/fixtures.ts";
import { EXTERNAL_BROKER, WITH_TLS } from "../testing/specs.ts";
import { brokerManagementService, brokerNodesService } from "./broker-services.ts";

test("brokers are found before they are ready, since they must find each other to become ready", () => {
  expect(brokerNodesService(aCluster())).toMatchObject({
    metadata: { name: "tv-broker-nodes" },
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { "app.kubernetes.io/instance": "tv", "app.kubernetes.io/component": "broker" },
      ports: [
        { name: "amqp", port: 5672 },
        { name: "management", port: 15672 },
      ],
    },
  });
});

test("people find management and metrics at brokers that are ready, inside of Kubernetes only", () => {
  const service = brokerManagementService(aCluster());
  expect(service).toMatchObject({
    metadata: { name: "tv-broker" },
    spec: {
      ports: [
        { name: "management", port: 15672 },
        { name: "prometheus", port: 15692 },
      ],
    },
  });
  expect(service?.spec).not.toHaveProperty("type");
  expect(service?.spec).not.toHaveProperty("publishNotReadyAddresses");
});

test("with TLS the ports are those of TLS, and no other", () => {
  expect(brokerNodesService(aCluster(WITH_TLS))?.spec?.ports?.map(({ port }) => port)).toEqual([5671, 15671]);
  expect(brokerManagementService(aCluster(WITH_TLS))?.spec?.ports?.map(({ port }) => port)).toEqual([15671, 15692]);
});

test("an external broker has no Services", () => {
  expect(brokerNodesService(aCluster(EXTERNAL_BROKER))).toBeNull();
  expect(brokerManagementService(aCluster(EXTERNAL_BROKER))).toBeNull();
});
