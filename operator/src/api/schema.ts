import Type from "typebox";
import { Image, replicas, resources, Scheduling, secretName, storage } from "./fields.ts";
import { HttpGateway, TcpGateway } from "./gateway.ts";

/** The most pods of each kind; gateways keep that many backend slots. */
export const MOST_BROKERS = 9;
export const MOST_OSS = 5;
export const MOST_NODES = 50;

/** Lines of rabbitmq.conf that are the operator's. */
const OWNED_CONFIG = [
  "cluster_formation",
  "cluster_partition_handling",
  "default_user",
  "default_pass",
  "default_vhost",
  "listeners",
  "ssl_options",
  "management",
];

const AdditionalConfig = Type.String({
  description:
    "Lines of rabbitmq.conf, as heartbeat = 20, which go over the operator's own. A change restarts the brokers one by one.",
  maxLength: 10_000,
  "x-kubernetes-validations": [
    {
      rule: "self.matches('^(\\\\s*(#[^\\n]*|[a-zA-Z0-9_.$-]+\\\\s*=[^\\n]*)?(\\n|$))*$')",
      message: "write lines of the form key = value",
    },
    {
      rule: `!self.matches('(?m)^\\\\s*(${OWNED_CONFIG.join("|")})\\\\b')`,
      message: `${OWNED_CONFIG.join(", ")} are set by the operator: leave these lines out`,
    },
  ],
});

const Tls = Type.Object(
  {
    secretName: secretName(
      "Secret with tls.crt and tls.key for the host name of the broker's gateway, and ca.crt when no public authority signed them. For an external broker ca.crt is enough.",
    ),
  },
  { description: "With it the broker is spoken to by TLS only, and its gateway passes TLS through." },
);

const Queue = Type.Object(
  {
    maxLength: Type.Integer({
      description:
        "Broadcasts that wait for one AAA node. Above that the oldest go, and the node gets a snapshot instead.",
      minimum: 1,
      maximum: 100_000_000,
      default: 1_000_000,
    }),
    maxLengthBytes: Type.Integer({
      description: "The same in bytes: all nodes' queues together must fit on the volume of each broker.",
      minimum: 1_000_000,
      maximum: 1_000_000_000_000,
      default: 256 * 2 ** 20,
    }),
    deliveryLimit: Type.Integer({
      description: "How often a broadcast is delivered again, as when a node reconnects, before it is dropped.",
      minimum: 1,
      maximum: 1_000_000,
      default: 1_000,
    }),
    expiresAfterSeconds: Type.Integer({
      description: "After how long without its node a queue is deleted. The node gets a snapshot when it is back.",
      minimum: 60,
      maximum: 4_000_000,
      default: 7 * 24 * 60 * 60,
    }),
  },
  { description: "The queue that each AAA node has at the broker.", default: {} },
);

const ExternalBroker = Type.Object(
  {
    secretName: secretName(
      "Secret with host, port, username and password of an administrator of that RabbitMQ, and optionally management-port.",
    ),
  },
  {
    description:
      "A RabbitMQ of your own instead of the one the operator makes. It gets a virtual host and users for this AaaCluster. Written or taken away later, every AAA node gets a snapshot through the other broker.",
  },
);

const Broker = Type.Object(
  {
    replicas: Type.Integer({
      description:
        "RabbitMQ pods. 3 or more go on when one is lost; 1 and 2 are for trials, they stop when one is lost.",
      minimum: 1,
      maximum: MOST_BROKERS,
      default: 3,
      "x-kubernetes-validations": [
        {
          rule: "self <= 2 || self % 2 == 1",
          message: "an even number of brokers tolerates no more failures than one fewer: write 3, 5, 7 or 9",
        },
        {
          rule: "self >= oldSelf",
          message: "brokers cannot be taken away, their queues would lose the majority: write the old number or more",
        },
      ],
    }),
    image: Type.Optional(Image),
    storage: storage("2Gi"),
    resources: resources({ cpu: "100m", memory: "256Mi" }),
    scheduling: Scheduling,
    additionalConfig: Type.Optional(AdditionalConfig),
    tls: Type.Optional(Tls),
    queue: Queue,
    gateway: TcpGateway,
    external: Type.Optional(ExternalBroker),
  },
  {
    description: "The RabbitMQ cluster that carries broadcasts from OSS to the AAA nodes.",
    default: {},
  },
);

const OssDatabase = Type.Object(
  {
    image: Type.Optional(Image),
    storage: storage("2Gi"),
    resources: resources({ cpu: "50m", memory: "64Mi" }),
    externalSecretName: Type.Optional(
      secretName(
        "Secret with host, port, dbname, username and password, and optionally sslmode and ca.crt, of a PostgreSQL of your own: it is used instead, and image, storage and resources are not.",
      ),
    ),
  },
  {
    description: "The PostgreSQL in which OSS keeps everything: one pod, or one of your own.",
    default: {},
    "x-kubernetes-validations": [
      {
        rule: "has(self.externalSecretName) == has(oldSelf.externalSecretName)",
        message:
          "all that was provisioned would stay in the old database: keep externalSecretName as it was, or make a new AaaCluster",
      },
    ],
  },
);

const Oss = Type.Object(
  {
    replicas: replicas(
      1,
      MOST_OSS,
      2,
      "OSS pods: each takes writes, one of them broadcasts. Another takes over when that one is lost.",
    ),
    image: Type.Optional(Image),
    exchange: Type.String({
      description: "The RabbitMQ exchange to which OSS broadcasts.",
      pattern: "^[a-zA-Z0-9_.-]{1,100}$",
      default: "oss_exchange",
      "x-kubernetes-validations": [
        {
          rule: "self == oldSelf",
          message: "the exchange cannot be renamed: write the old name again, or make a new AaaCluster",
        },
        {
          rule: "!self.startsWith('amq.')",
          message: "names that begin with amq. belong to RabbitMQ: write another name",
        },
        {
          rule: "!(self in ['oss_requests', 'accounting'])",
          message: "oss_requests and accounting are other exchanges of the AaaCluster: write another name",
        },
      ],
    }),
    resources: resources({ cpu: "50m", memory: "96Mi" }),
    scheduling: Scheduling,
    database: OssDatabase,
    gateway: HttpGateway,
  },
  {
    description: "The provisioning side: takes subscribers over HTTP and broadcasts them to the AAA nodes.",
    default: {},
  },
);

const NodeDatabase = Type.Object(
  { image: Type.Optional(Image), storage: storage("2Gi"), resources: resources({ cpu: "50m", memory: "64Mi" }) },
  { description: "The PostgreSQL in the pod of each AAA node.", default: {} },
);

const Nodes = Type.Object(
  {
    replicas: replicas(
      0,
      MOST_NODES,
      2,
      "AAA nodes: each holds all data and answers any box. At 0, no box is answered.",
    ),
    image: Type.Optional(Image),
    resources: resources({ cpu: "50m", memory: "96Mi" }),
    scheduling: Scheduling,
    database: NodeDatabase,
    maxLagSeconds: Type.Integer({
      description: "How long an AAA node may not have seen the newest broadcasts before it counts as behind.",
      minimum: 1,
      maximum: 86_400,
      default: 30,
    }),
    staleReads: Type.Enum(["Serve", "Refuse"], {
      type: "string",
      description:
        "What an AAA node that is behind does with boxes. Serve: it answers from what it has. Refuse: it sends them to another node until it has caught up.",
      default: "Serve",
    }),
    gateway: HttpGateway,
  },
  { description: "The AAA nodes, which answer set-top boxes.", default: {} },
);

const GATEWAY_PAIRS = [
  ["broker", "oss"],
  ["broker", "nodes"],
  ["oss", "nodes"],
] as const;

/** Rules on a whole AaaCluster: within the spec its default, {}, would have to fit them without the parts' defaults. */
export const RULES = GATEWAY_PAIRS.map(([one, other]) => {
  const [a, b] = [`self.spec.${one}.gateway`, `self.spec.${other}.gateway`];
  return {
    rule: `!has(${a}.virtualIP) || !has(${b}.virtualIP) || ${a}.virtualIP != ${b}.virtualIP`,
    message: `the gateways of ${one} and ${other} cannot hold the same virtualIP: write another address for one of them`,
  };
});

/** What a user may ask for. Every field has a default, so `spec: {}` is a whole cluster. */
export const Spec = Type.Object(
  {
    broker: Broker,
    oss: Oss,
    nodes: Nodes,
    paused: Type.Boolean({
      description: "While true, the operator changes nothing and only reports.",
      default: false,
    }),
  },
  {
    description: "What the cluster shall be.",
    default: {},
  },
);

export type AaaClusterSpec = Type.Static<typeof Spec>;
