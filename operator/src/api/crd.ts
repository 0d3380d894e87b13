import { AAA_CLUSTER } from "./aaacluster.ts";
import type { PrinterColumn, Schema } from "./openapi.ts";
import { RULES, Spec } from "./schema.ts";
import { Status } from "./status.ts";

const { group, version, kind, plural } = AAA_CLUSTER;

/** Child names get suffixes as `-oss-gateway` and pod hashes; StatefulSet pods are labelled with 63 characters at most. */
const LONGEST_NAME = 30;

/** The parts of a CustomResourceDefinition that ours has. */
export type CustomResourceDefinition = ReturnType<typeof customResourceDefinition>;

const COLUMNS: readonly PrinterColumn[] = [
  {
    name: "Ready",
    type: "string",
    description: "Whether boxes and OSS are served.",
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
  },
  {
    name: "Broker",
    type: "string",
    description: "RabbitMQ pods ready of those wanted, as 2/3.",
    jsonPath: ".status.broker.ready",
  },
  {
    name: "Nodes",
    type: "string",
    description: "AAA nodes ready of those wanted, as 2/3.",
    jsonPath: ".status.nodes.ready",
  },
  {
    name: "AAA",
    type: "string",
    description: "Where set-top boxes ask, as host:port.",
    jsonPath: ".status.endpoints.aaa",
  },
  { name: "Age", type: "date", description: "The time since it was made.", jsonPath: ".metadata.creationTimestamp" },
  {
    name: "Reason",
    type: "string",
    description: "Why it is ready or not, in one word.",
    priority: 1,
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
  },
];

/** The CustomResourceDefinition, made from the same schemas as the types. */
export function customResourceDefinition() {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${group}`,
      // With the CRD all AaaClusters go, and with these their volumes: that must be nobody's slip.
      annotations: { "helm.sh/resource-policy": "keep" },
    },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: ["aaa"] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: COLUMNS,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: ".spec.nodes.replicas",
              statusReplicasPath: ".status.nodes.replicas",
              labelSelectorPath: ".status.nodes.selector",
            },
          },
          schema: { openAPIV3Schema: rootSchema() },
        },
      ],
    },
  };
}

function rootSchema(): Schema {
  return {
    type: "object",
    description:
      "A whole AAA cluster: RabbitMQ, OSS, AAA nodes and the gateways in front of them. Every field has a default, so spec: {} is enough.",
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: structural(Spec) as Schema,
      status: structural(Status) as Schema,
    },
    "x-kubernetes-validations": [
      {
        rule: `size(self.metadata.name) <= ${LONGEST_NAME} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,
        message: `the name is part of host names: write at most ${LONGEST_NAME} lower case letters, digits and dashes, beginning with a letter`,
      },
      ...RULES,
    ],
  };
}

/** Without what only TypeBox needs: what has a default need not be written, so it is not required. */
function structural(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(structural);
  if (typeof schema !== "object" || schema === null) return schema;
  const { required, ...rest } = schema as { required?: readonly string[]; properties?: Record<string, object> };
  const missing = required?.filter((name) => !("default" in (rest.properties?.[name] ?? {}))) ?? [];
  const parts = Object.entries(rest).map(([key, value]) => [key, key === "default" ? value : structural(value)]);
  return { ...Object.fromEntries(parts), ...(missing.length > 0 ? { required: missing } : {}) };
}
