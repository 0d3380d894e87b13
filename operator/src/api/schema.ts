import Type from "typebox";
import { Gateway, Image, replicas, resources, storage } from "./fields.ts";

/** The most pods of each kind; gateways keep that many backend slots. */
export const MOST_BROKERS = 9;
export const MOST_OSS = 5;
export const MOST_NODES = 50;

const Broker = Type.Object(
  {
    replicas: Type.Integer({
      description: "RabbitMQ pods: an odd number. 1 and 2 work, but lose the broker when one pod is lost.",
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
  { description: "The RabbitMQ cluster between OSS and the AAA nodes.", default: {} },
);

const OssDatabase = Type.Object(
  { image: Type.Optional(Image), storage: storage("2Gi"), resources: resources({ cpu: "50m", memory: "64Mi" }) },
  { description: "The PostgreSQL in which OSS keeps everything.", default: {} },
);

const Oss = Type.Object(
  {
    replicas: replicas(1, MOST_OSS, 2, "OSS pods: each takes writes, one of them broadcasts."),
    image: Type.Optional(Image),
    exchange: Type.String({
      description: "The exchange to which OSS broadcasts.",
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
  { description: "The provisioning side: takes subscribers and broadcasts them.", default: {} },
);

const NodeDatabase = Type.Object(
  { image: Type.Optional(Image), storage: storage("2Gi"), resources: resources({ cpu: "50m", memory: "64Mi" }) },
  { description: "The PostgreSQL in each AAA pod.", default: {} },
);

const Nodes = Type.Object(
  {
    replicas: replicas(0, MOST_NODES, 2, "AAA nodes: each holds all data and answers any box."),
    image: Type.Optional(Image),
    resources: resources({ cpu: "50m", memory: "96Mi" }),
    database: NodeDatabase,
    gateway: Gateway,
  },
  { description: "The AAA nodes that answer set-top boxes.", default: {} },
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
  { description: "The AAA cluster that shall be.", default: {} },
);

export type AaaClusterSpec = Type.Static<typeof Spec>;
