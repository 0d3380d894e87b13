import Type from "typebox";
import { Gateway, Image, replicas, resources, storage } from "./fields.ts";

/** The most pods of each kind; gateways keep that many backend slots. */
export const MOST_BROKERS = 9;
export const MOST_OSS = 5;
export const MOST_NODES = 50;

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
    gateway: Gateway,
  },
  { description: "The RabbitMQ cluster that carries broadcasts from OSS to the AAA nodes.", default: {} },
);

const OssDatabase = Type.Object(
  { image: Type.Optional(Image), storage: storage("2Gi"), resources: resources({ cpu: "50m", memory: "64Mi" }) },
  { description: "The PostgreSQL in which OSS keeps everything: one pod.", default: {} },
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
      ],
    }),
    resources: resources({ cpu: "50m", memory: "96Mi" }),
    database: OssDatabase,
    gateway: Gateway,
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
    database: NodeDatabase,
    gateway: Gateway,
  },
  { description: "The AAA nodes, which answer set-top boxes.", default: {} },
);

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
  { description: "What the cluster shall be.", default: {} },
);

export type AaaClusterSpec = Type.Static<typeof Spec>;
