import Type from "typebox";

/** Schema parts that several sections of the AaaCluster share. */

const QUANTITY_PATTERN = "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";

const Quantity = Type.Unsafe<string | number>({
  anyOf: [{ type: "integer" }, { type: "string" }],
  pattern: QUANTITY_PATTERN,
  "x-kubernetes-int-or-string": true,
});

const quantities = (description: string) =>
  Type.Unsafe<Readonly<Record<string, string | number>>>({
    type: "object",
    description,
    additionalProperties: Quantity,
  });

/** An image to run instead of the operator's own default. */
export const Image = Type.String({
  description: "Image to run instead of the one this operator was released with.",
  minLength: 1,
  maxLength: 500,
});

/** How many pods. `most` is also the number of backend slots that gateways keep ready. */
export const replicas = (least: number, most: number, initially: number, description: string) =>
  Type.Integer({ description, minimum: least, maximum: most, default: initially });

/** Requests and limits of a container; `requests` are the ones used when nothing is written. */
export const resources = (requests: Readonly<Record<string, string>>) =>
  Type.Object(
    {
      requests: Type.Optional(quantities("What the container is sure to get, as cpu: 100m and memory: 256Mi.")),
      limits: Type.Optional(quantities("The most that the container may use; one that needs more memory is ended.")),
    },
    {
      description: "CPU and memory of its container in each pod. What is written replaces the default as a whole.",
      default: { requests },
    },
  );

/** A volume per pod. */
export const storage = (size: string) =>
  Type.Object(
    {
      size: Type.String({
        description: "Size of each volume, for example 10Gi.",
        maxLength: 20,
        default: size,
        "x-kubernetes-validations": [
          { rule: `self.matches(r'${QUANTITY_PATTERN}')`, message: "write a number with a unit, for example 10Gi" },
        ],
      }),
      storageClassName: Type.Optional(
        Type.String({
          description: "StorageClass of each volume; the default class of the Kubernetes cluster when absent.",
          minLength: 1,
          maxLength: 253,
        }),
      ),
    },
    {
      description: "The volume on which each pod keeps its data.",
      default: {},
      "x-kubernetes-validations": [
        {
          rule: "self == oldSelf",
          message: "volumes cannot be changed once they are made: write the old value again, or make a new AaaCluster",
        },
      ],
    },
  );

const Service = Type.Object(
  {
    type: Type.Enum(["ClusterIP", "NodePort", "LoadBalancer"], {
      type: "string",
      description:
        "ClusterIP: inside Kubernetes only. NodePort: a port of every Kubernetes node. LoadBalancer: an address of the cloud.",
      default: "ClusterIP",
    }),
    nodePort: Type.Optional(
      Type.Integer({
        description: "Port of every Kubernetes node, usually 30000 to 32767; chosen by Kubernetes when absent.",
        minimum: 1,
        maximum: 65535,
      }),
    ),
    annotations: Type.Optional(
      Type.Unsafe<Readonly<Record<string, string>>>({
        type: "object",
        description: "Annotations of the Service, for what a load balancer wants to be told.",
        additionalProperties: { type: "string" },
      }),
    ),
  },
  {
    description: "The Service in front of the gateway's pods.",
    default: {},
    "x-kubernetes-validations": [
      {
        rule: "!has(self.nodePort) || self.type != 'ClusterIP'",
        message: "nodePort needs type: NodePort or type: LoadBalancer",
      },
    ],
  },
);

/** HAProxy pods behind one address. */
export const Gateway = Type.Object(
  {
    mode: Type.Enum(["Service"], {
      type: "string",
      description: "How the gateway gets its address. Service: by a Kubernetes Service.",
      default: "Service",
    }),
    replicas: replicas(1, 9, 2, "HAProxy pods."),
    service: Service,
    resources: resources({ cpu: "20m", memory: "48Mi" }),
  },
  { description: "HAProxy in front of these pods: one address that stays while pods come and go.", default: {} },
);

export type GatewaySpec = Type.Static<typeof Gateway>;
export type StorageSpec = { readonly size: string; readonly storageClassName?: string };
export type ResourcesSpec = {
  readonly requests?: Readonly<Record<string, string | number>>;
  readonly limits?: Readonly<Record<string, string | number>>;
};
