import Type from "typebox";

const text = (description: string) => Type.String({ description });
const optionalText = (description: string) => Type.Optional(text(description));
const count = (description: string) => Type.Integer({ description });

const Condition = Type.Object(
  {
    type: Type.String({ description: "What the condition is about, as BrokerReady.", maxLength: 316 }),
    status: Type.Enum(["True", "False", "Unknown"], { type: "string", description: "Whether it holds." }),
    observedGeneration: count("The generation of the AaaCluster that this was found for."),
    lastTransitionTime: Type.String({ description: "When the status last changed.", format: "date-time" }),
    reason: Type.String({ description: "The cause, in one word, as PodsNotReady.", maxLength: 1024 }),
    message: Type.String({
      description: "The cause, for people, naming the objects. Empty when all is well.",
      maxLength: 32768,
    }),
  },
  { description: "A condition as all of Kubernetes has them: kubectl wait can wait for it." },
);

export const Partition = Type.Object(
  {
    name: text("The AAA node, by the name of its pod."),
    queue: text("Its queue at the broker."),
    epoch: optionalText("The epoch of the last event that it stored; absent when the node does not answer."),
    sequence: optionalText("The sequence of the last event that it stored."),
    digest: optionalText(
      "The digest of its content there; every node with the same epoch and sequence has the same one.",
    ),
    lag: Type.Optional(Type.Integer({ description: "Events that it knows of and has not stored yet." })),
    lagSeconds: Type.Optional(
      Type.Integer({ description: "How long ago it was last known to have stored everything." }),
    ),
    synced: Type.Boolean({ description: "Whether it holds all data and follows the broadcasts." }),
  },
  { description: "An AAA node as a consumer of broadcasts." },
);

const GatewayStatus = Type.Object(
  {
    name: text("The gateway, by the name of its pods' controller and Service."),
    address: optionalText("Where it is reached, as host:port; absent while it is not."),
    holder: optionalText(
      "The Kubernetes node that holds the virtual IP, in Keepalived mode; absent while none or several do.",
    ),
    virtualRouterID: Type.Optional(
      count("VRRP's number for it, in Keepalived mode: the one of the spec, or one that was chosen and is kept."),
    ),
  },
  { description: "A gateway and its address." },
);

// Tools take an object without conditions for one that is as it shall be, and a new one has none until the operator came.
const NOT_OBSERVED = {
  observedGeneration: 0,
  conditions: [
    {
      type: "Ready",
      status: "Unknown",
      observedGeneration: 0,
      lastTransitionTime: "1970-01-01T00:00:00Z",
      reason: "NotObserved",
      message: "no operator has looked at it yet",
    },
  ],
};

// Server-side apply drops a list that becomes empty, and a spec that cannot be built leaves nothing to observe: so only
// what every status has is required.

/** What the operator saw. */
export const Status = Type.Object(
  {
    observedGeneration: count("The generation of the AaaCluster that was last reconciled."),
    operatorVersion: optionalText("The version of the operator that wrote this; absent when none has."),
    conditions: Type.Unsafe<readonly Type.Static<typeof Condition>[]>({
      type: "array",
      description: "Ready is the summary of the parts: BrokerReady, OssReady, NodesReady and GatewaysReady.",
      items: Condition,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
    }),
    endpoints: Type.Optional(
      Type.Object(
        {
          broker: optionalText("Where AMQP clients connect."),
          oss: optionalText("Where provisioning is sent."),
          aaa: optionalText("Where set-top boxes ask."),
        },
        { description: "Where the gateways are reached, as host:port." },
      ),
    ),
    broker: Type.Optional(
      Type.Object(
        {
          replicas: count("Broker pods wanted; 0 for an external broker."),
          readyReplicas: count("Broker pods ready."),
          ready: text("Ready and wanted, as 2/3; external for an external broker."),
          version: optionalText("The version of RabbitMQ; absent when it does not answer."),
          quorum: Type.Optional(
            Type.Enum(["Intact", "Critical", "Lost"], {
              type: "string",
              description:
                "Intact: it goes on when a broker is lost. Critical: it would not. Lost: a queue, or the cluster, has no majority. Absent when it does not answer.",
            }),
          ),
        },
        { description: "The RabbitMQ pods." },
      ),
    ),
    nodes: Type.Optional(
      Type.Object(
        {
          replicas: count("AAA pods that exist."),
          readyReplicas: count("AAA pods ready."),
          ready: text("Ready and wanted, as 2/3."),
          selector: text("Label selector of the AAA pods, for autoscalers."),
        },
        { description: "The AAA pods." },
      ),
    ),
    partitions: Type.Optional(
      Type.Unsafe<readonly Type.Static<typeof Partition>[]>({
        type: "array",
        description: "How far each AAA node has come with the broadcasts.",
        items: Partition,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
      }),
    ),
    gateways: Type.Optional(
      Type.Unsafe<readonly Type.Static<typeof GatewayStatus>[]>({
        type: "array",
        description: "The gateways.",
        items: GatewayStatus,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
      }),
    ),
  },
  { description: "What the operator saw.", default: NOT_OBSERVED },
);

export type AaaClusterStatus = Type.Static<typeof Status>;
export type Condition = Type.Static<typeof Condition>;
export type Partition = Type.Static<typeof Partition>;
