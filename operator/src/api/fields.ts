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

const SpreadOver = Type.Enum(["Preferred", "Required"], {
  type: "string",
  description:
    "How firmly these pods keep to different Kubernetes nodes. Preferred: where there is room. Required: a pod waits rather than share a node with another one. Zones are always preferred.",
  default: "Preferred",
});

/** Which Kubernetes nodes: all of these labels. */
export const NodeSelector = Type.Unsafe<Readonly<Record<string, string>>>({
  type: "object",
  description: "Labels of the Kubernetes nodes that pods may run on, as disk: ssd.",
  additionalProperties: { type: "string" },
});

const Toleration = Type.Object(
  {
    key: Type.Optional(Type.String({ description: "Key of the taint; absent: any, with operator: Exists." })),
    operator: Type.Enum(["Equal", "Exists"], {
      type: "string",
      description: "Equal: the taint has this value. Exists: whatever its value.",
      default: "Equal",
    }),
    value: Type.Optional(Type.String({ description: "Value of the taint, with operator: Equal." })),
    effect: Type.Optional(
      Type.Enum(["NoSchedule", "PreferNoSchedule", "NoExecute"], {
        type: "string",
        description: "Effect of the taint; absent: any.",
      }),
    ),
    tolerationSeconds: Type.Optional(
      Type.Integer({ description: "How long a pod stays under a NoExecute taint; absent: for ever.", minimum: 0 }),
    ),
  },
  {
    description: "A taint that these pods put up with.",
    "x-kubernetes-validations": [
      {
        rule: "self.operator != 'Exists' || !has(self.value)",
        message: "operator: Exists takes any value: leave value out, or write operator: Equal",
      },
      {
        rule: "has(self.key) || self.operator == 'Exists'",
        message: "a toleration without a key needs operator: Exists",
      },
    ],
  },
);

/** Where the pods of a part may run. */
export const Scheduling = Type.Object(
  {
    spread: SpreadOver,
    nodeSelector: Type.Optional(NodeSelector),
    tolerations: Type.Optional(
      Type.Array(Toleration, {
        description: "Taints of Kubernetes nodes that these pods put up with.",
        maxItems: 20,
        "x-kubernetes-list-type": "atomic",
      }),
    ),
    priorityClassName: Type.Optional(
      Type.String({
        description: "PriorityClass of these pods: who stays when room is short.",
        minLength: 1,
        maxLength: 253,
      }),
    ),
  },
  { description: "Where these pods may run.", default: {} },
);

/** The name of a Secret in the namespace of the AaaCluster. It becomes part of a path at the API server. */
export const secretName = (description: string) =>
  Type.String({
    description,
    maxLength: 253,
    pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
  });

export type SchedulingSpec = Type.Static<typeof Scheduling>;
export type StorageSpec = { readonly size: string; readonly storageClassName?: string };
export type ResourcesSpec = {
  readonly requests?: Readonly<Record<string, string | number>>;
  readonly limits?: Readonly<Record<string, string | number>>;
};
