import { createPrivateKey, X509Certificate } from "node:crypto";
import { Forbidden, type KubeClient } from "../../kube/index.ts";
import type { Component } from "../labels.ts";
import type { ConditionType } from "../reasons.ts";
import type { ValidatedCluster, ValidatedGateway } from "../validate.ts";
import { decoded, type SecretData, type SecretStore, type Secrets } from "./store.ts";

/** A Secret of the user that a spec names. */
interface Reference {
  readonly field: string;
  readonly name: string;
  readonly keys: readonly string[];
  /** The condition that says when it cannot be used. */
  readonly condition: ConditionType;
  /** Whose objects follow from it: they stay as they are while it cannot be used. */
  readonly holds: readonly Component[];
  /** What is wrong with it although it has its keys. */
  readonly flaw?: (data: SecretData, now: Date) => string | null;
}

/** A Secret of the user that cannot be used, and what to do. */
export interface SecretProblem extends Pick<Reference, "condition" | "holds"> {
  readonly message: string;
}

/** Users read in the status within seconds what is wrong with a Secret that they wrote. */
const MAX_AGE_MS = 7_500;

const ALL_THAT_SPEAK_TO_THE_BROKER: readonly Component[] = ["broker", "broker-gateway", "oss", "aaa"];

/** Reads the Secrets that a spec names, and says what is wrong with them. */
export async function referencedSecrets(
  { client, secrets }: { readonly client: KubeClient; readonly secrets: SecretStore },
  cluster: ValidatedCluster,
  now: Date,
): Promise<{ readonly referenced: Secrets; readonly problems: readonly SecretProblem[] }> {
  const references = referencesOf(cluster);
  const found = await Promise.all(
    references.map(async ({ name }) => {
      try {
        const secret = await secrets.read(client, cluster.namespace, name, MAX_AGE_MS);
        return secret === undefined ? undefined : decoded(secret);
      } catch (error) {
        if (error instanceof Forbidden) return error;
        throw error;
      }
    }),
  );
  const usable = found.map((data) => (data instanceof Forbidden ? undefined : data));
  return {
    referenced: Object.fromEntries(references.map(({ name }, index) => [name, usable[index]])),
    problems: references.flatMap((reference, index) => problemOf(cluster, reference, found[index], now) ?? []),
  };
}

/** The Secrets that a spec names. */
function referencesOf({ broker, oss, nodes, names, namespace }: ValidatedCluster): readonly Reference[] {
  const { tls, external } = broker;
  const { externalSecretName } = oss.database;
  return [
    ...(external === undefined
      ? []
      : [
          {
            field: "spec.broker.external.secretName",
            name: external.secretName,
            keys: ["host", "port", "username", "password"],
            condition: "BrokerReady" as const,
            holds: ALL_THAT_SPEAK_TO_THE_BROKER,
            flaw: portFlaw("port", "management-port"),
          },
        ]),
    ...(tls === undefined
      ? []
      : [
          {
            field: "spec.broker.tls.secretName",
            name: tls.secretName,
            keys: external === undefined ? ["tls.crt", "tls.key"] : [],
            condition: "BrokerReady" as const,
            holds: ALL_THAT_SPEAK_TO_THE_BROKER,
            ...(external === undefined ? { flaw: certificateFlaw(`${names.brokerGateway}.${namespace}.svc`) } : {}),
          },
        ]),
    ...(externalSecretName === undefined
      ? []
      : [
          {
            field: "spec.oss.database.externalSecretName",
            name: externalSecretName,
            keys: ["host", "port", "dbname", "username", "password"],
            condition: "OssReady" as const,
            holds: ["oss"] as const,
            flaw: portFlaw("port"),
          },
        ]),
    ...tlsOfGateway("spec.oss.gateway", oss.gateway, "oss-gateway"),
    ...tlsOfGateway("spec.nodes.gateway", nodes.gateway, "aaa-gateway"),
  ];
}

/** By which names clients know the gateway is theirs to know, so its certificate may be for any. */
function tlsOfGateway(field: string, { tls }: ValidatedGateway, component: Component): readonly Reference[] {
  if (tls === undefined) return [];
  return [
    {
      field: `${field}.tls.secretName`,
      name: tls.secretName,
      keys: ["tls.crt", "tls.key"],
      condition: "GatewaysReady",
      holds: [component],
      flaw: certificateFlaw(),
    },
  ];
}

function problemOf(
  { namespace }: ValidatedCluster,
  { field, name, keys, flaw, condition, holds }: Reference,
  data: SecretData | Forbidden | undefined,
  now: Date,
): SecretProblem | null {
  const secret = `Secret ${namespace}/${name}, which ${field} names,`;
  const problem = (message: string): SecretProblem => ({ condition, holds, message: `${secret} ${message}` });
  if (data instanceof Forbidden)
    return problem(`may not be read by the operator (${data.message}): grant it that right`);
  if (data === undefined) return problem(`does not exist: make it${keys.length > 0 ? ` with ${listed(keys)}` : ""}`);
  const missing = keys.filter((key) => (data[key] ?? "") === "");
  if (missing.length > 0) return problem(`lacks ${listed(missing)}: add ${missing.length === 1 ? "it" : "them"}`);
  const found = flaw?.(data, now) ?? null;
  return found === null ? null : problem(found);
}

const listed = (keys: readonly string[]): string => keys.join(", ").replace(/, ([^,]*)$/, " and $1");

const portFlaw =
  (...keys: readonly string[]) =>
  (data: SecretData): string | null => {
    const wrong = keys.find((key) => !isPort(data[key]));
    return wrong === undefined ? null : `has ${wrong} ${data[wrong]}: write a number, as 5432`;
  };

/** What a Secret need not have is fine when it is not there. */
function isPort(text: string | undefined): boolean {
  return text === undefined || (/^[0-9]{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535);
}

/** Who has a wrong certificate would start, and nobody could speak to it. */
const certificateFlaw =
  (host?: string) =>
  (data: SecretData, now: Date): string | null => {
    try {
      const certificate = new X509Certificate(data["tls.crt"] ?? "");
      if (!certificate.checkPrivateKey(createPrivateKey(data["tls.key"] ?? ""))) {
        return "has a tls.key that is not of its tls.crt: write the two of one pair";
      }
      if (host !== undefined && certificate.checkHost(host) === undefined) {
        return `has a certificate that is not for ${host}: add this name to its subject alternative names`;
      }
      if (now > new Date(certificate.validTo))
        return `has a certificate that expired on ${certificate.validTo}: renew it`;
      return null;
    } catch (error) {
      const { message } = error as Error;
      return `has a tls.crt or tls.key that cannot be read (${message}): write both as PEM`;
    }
  };
