import { expect, test } from "@jest/globals";
import { stringify } from "yaml";
import {
  aaaGatewayOf,
  BROKER_VIRTUAL_IP,
  changeGateways,
  heldByNobody,
  heldByOne,
  patchGateways,
  VIRTUAL_IP,
  virtualGateway,
  withoutVirtualIP,
} from "../../gateways/virtual-ip.ts";
import { AaaCluster, conditionOf, sampleSubscribers } from "../../lib/aaa-cluster.ts";
import { getByHttps } from "../../lib/https.ts";
import { until } from "../../lib/until.ts";
import { makeCertificate } from "../../services/certificate.ts";
import { isLocal, MINUTE_MS, NAMESPACE, onLocal, type TheStage } from "./stage.ts";

const NAME = "outside";
/** The virtual IP of the second cluster: the first has no gateway at it any more. */
const OTHER_VIRTUAL_IP = BROKER_VIRTUAL_IP;
const ONE = { replicas: 1, gateway: { replicas: 1 } };

/**
 * A second AaaCluster beside the first, whose OSS database is one of the user's own, and whose broker is first one that
 * the operator makes, with TLS, and then one of the user's own. The first cluster's are these of the user's own.
 */
export function externalPartsServe(stage: TheStage): void {
  const outside = (): AaaCluster => new AaaCluster(stage().tv.kubectl.access, NAMESPACE, NAME);

  const apply = (object: object): Promise<string> => stage().tv.kubectl.apply(stringify(object));

  const secret = (name: string, stringData: Readonly<Record<string, string>>): Promise<string> =>
    apply({ apiVersion: "v1", kind: "Secret", metadata: { name }, stringData });

  const patchSpec = (spec: object): Promise<string> => {
    const patch = JSON.stringify({ spec });
    return stage().tv.kubectl.run(["patch", "aaacluster", NAME, "--type=merge", `--patch=${patch}`]);
  };

  test(
    "an AaaCluster whose Secrets are missing says which, and makes nothing that depends on them",
    async () => {
      await letIn("oss", "oss-database", 5432);
      await letIn("oss", "broker", 5672);
      await letIn("aaa", "broker", 5672);
      await apply({
        apiVersion: "aaacluster.io/v1alpha1",
        kind: "AaaCluster",
        metadata: { name: NAME },
        spec: {
          broker: { ...ONE, tls: { secretName: "outside-tls" } },
          oss: { ...ONE, database: { externalSecretName: "our-postgresql" }, gateway: nodePort },
          nodes: { ...ONE, gateway: nodePort },
        },
      });
      await until(
        "both Secrets are named",
        async () => {
          const cluster = await outside().get();
          const said = ["BrokerReady", "OssReady"].map((type) => conditionOf(cluster, type)?.message);
          return said[0]?.includes("Secret aaa-e2e/outside-tls") && said[1]?.includes("Secret aaa-e2e/our-postgresql");
        },
        { deadlineMs: 15_000 },
      );
      const sets = await stage().tv.kubectl.list("statefulsets", `app.kubernetes.io/instance=${NAME}`);
      expect(sets).toEqual([]);
    },
    MINUTE_MS,
  );

  test(
    "with the Secrets it becomes ready, its broker by TLS only, and its OSS in the database of the user's own",
    async () => {
      const { ca, certificate, key } = await makeCertificate(`${NAME}-broker-gateway.${NAMESPACE}.svc`);
      await secret("outside-tls", { "tls.crt": certificate, "tls.key": key, "ca.crt": ca });
      const psql = ["psql", "--host=/run/postgresql", "--username=oss", "--command=CREATE DATABASE outside"];
      await stage().tv.kubectl.run(["exec", "tv-oss-database-0", "--", ...psql]);
      await secret("our-postgresql", {
        host: `tv-oss-database.${NAMESPACE}.svc`,
        port: "5432",
        dbname: "outside",
        username: await stage().tv.kubectl.secretValue("tv-oss-database", "username"),
        password: await stage().tv.kubectl.secretValue("tv-oss-database", "password"),
      });
      const cluster = await outside().ready(4 * MINUTE_MS);
      expect(cluster.status.broker).toMatchObject({ ready: "1/1", quorum: "Critical" });
      await outside().provision(sampleSubscribers(1, 20));
      await outside().converged(1, MINUTE_MS);
    },
    6 * MINUTE_MS,
  );

  test(
    "when its broker becomes one of the user's own, the operator's goes, and nothing of what was provisioned is lost",
    async () => {
      await secret("our-rabbitmq", {
        host: `tv-broker-nodes.${NAMESPACE}.svc`,
        port: "5672",
        username: await stage().tv.kubectl.secretValue("tv-broker-admin", "username"),
        password: await stage().tv.kubectl.secretValue("tv-broker-admin", "password"),
      });
      await patchSpec({ broker: { tls: null, external: { secretName: "our-rabbitmq" } } });
      const cluster = await outside().ready(4 * MINUTE_MS);
      expect(cluster.status).toMatchObject({
        broker: { ready: "external" },
        endpoints: { broker: `tv-broker-nodes.${NAMESPACE}.svc:5672` },
      });
      await outside().provision(sampleSubscribers(21, 30));
      await outside().converged(1, 2 * MINUTE_MS);
      for (const index of [7, 27]) await outside().admittedBox(index);
      const kinds = "statefulsets,deployments,services,configmaps,serviceaccounts,networkpolicies";
      const left = (await stage().tv.kubectl.list(kinds, `app.kubernetes.io/instance=${NAME}`))
        .map(({ metadata }) => metadata.name)
        .filter((name) => name.includes("broker"));
      expect(left).toEqual([]);
    },
    8 * MINUTE_MS,
  );

  test(
    "boxes reach its nodes by HTTPS as soon as there is the Secret, and by HTTP until then",
    async () => {
      const gateway = { tls: { secretName: "boxes-tls" } };
      await patchSpec({ nodes: { gateway } });
      await until(
        "the Secret is named",
        async () => conditionOf(await outside().get(), "GatewaysReady")?.message.includes("Secret aaa-e2e/boxes-tls"),
        { deadlineMs: 15_000 },
      );
      const { host, hostname, port } = new URL(await outside().gatewayUrl("aaa"));
      const byHttp = (): Promise<Response> => fetch(`http://${host}/v1/partition`);
      expect((await byHttp()).status).toBe(200);

      const { ca, certificate, key } = await makeCertificate("boxes.example");
      await secret("boxes-tls", { "tls.crt": certificate, "tls.key": key });
      await outside().ready(2 * MINUTE_MS);
      const asked = { host: hostname, port: Number(port), servername: "boxes.example", path: "/v1/partition" };
      const answer = await until("HTTPS is answered", () => getByHttps({ ...asked, ca: [ca] }), { deadlineMs: 60_000 });
      expect(answer.status).toBe(200);
      const isRefused = (): Promise<boolean> =>
        byHttp().then(
          () => false,
          () => true,
        );
      await until("the last pod that answers HTTP is gone", isRefused, { deadlineMs: 60_000 });
    },
    4 * MINUTE_MS,
  );

  onLocal(
    "both have virtual IPs on the same Kubernetes nodes, but never the same one",
    async () => {
      const { tv } = stage();
      const before = (await tv.get()).spec.nodes.gateway;
      await changeGateways(tv, { aaa: virtualGateway(VIRTUAL_IP) });
      await patchGateways(outside(), { aaa: virtualGateway(VIRTUAL_IP) });
      await until(
        "the status says whose the address is",
        async () => conditionOf(await outside().get(), "GatewaysReady")?.reason === "VirtualRoutersClash",
        { deadlineMs: MINUTE_MS },
      );
      const gateway = `app.kubernetes.io/instance=${NAME},app.kubernetes.io/component=aaa-gateway`;
      expect(await tv.kubectl.list("statefulsets", gateway)).toEqual([]);
      await heldByOne(VIRTUAL_IP);
      await changeGateways(outside(), { aaa: virtualGateway(OTHER_VIRTUAL_IP) });
      await heldByOne(VIRTUAL_IP);
      await heldByOne(OTHER_VIRTUAL_IP);
      const [ours, theirs] = await Promise.all([tv, outside()].map(aaaGatewayOf));
      expect(ours?.virtualRouterID).toEqual(expect.any(Number));
      expect(theirs?.virtualRouterID).not.toBe(ours?.virtualRouterID);
      await changeGateways(tv, { aaa: withoutVirtualIP(before) });
      await heldByOne(OTHER_VIRTUAL_IP);
    },
    10 * MINUTE_MS,
  );

  test(
    "both go on beside each other, and the second goes without a trace of it at the first",
    async () => {
      await stage().tv.ready(MINUTE_MS);
      await stage().tv.converged(2, MINUTE_MS);
      await stage().tv.kubectl.run(["delete", "aaacluster", NAME, "--timeout=60s"]);
      await stage().tv.ready(MINUTE_MS);
      if (isLocal) await heldByNobody(OTHER_VIRTUAL_IP, MINUTE_MS);
    },
    4 * MINUTE_MS,
  );

  /** Policies add up: this one lets pods of the second cluster in to the first, which its own policies do not. */
  function letIn(from: string, to: string, port: number): Promise<string> {
    const pods = (instance: string, component: string) => ({
      matchLabels: { "app.kubernetes.io/instance": instance, "app.kubernetes.io/component": component },
    });
    return apply({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: `${from}-to-${to}` },
      spec: {
        podSelector: pods("tv", to),
        ingress: [{ from: [{ podSelector: pods(NAME, from) }], ports: [{ port }] }],
      },
    });
  }
}

const nodePort = { replicas: 1, service: { type: "NodePort" } };
