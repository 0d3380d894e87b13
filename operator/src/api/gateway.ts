import Type from "typebox";
import { NodeSelector, replicas, resources, secretName } from "./fields.ts";

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
    loadBalancerClass: Type.Optional(
      Type.String({
        description: "Which load balancer gives the address, where there are several; the default one when absent.",
        minLength: 1,
        maxLength: 253,
      }),
    ),
    loadBalancerSourceRanges: Type.Optional(
      Type.Array(Type.String({ maxLength: 50 }), {
        description: "Networks that the load balancer lets in, as 192.0.2.0/24; all when absent.",
        maxItems: 100,
        "x-kubernetes-list-type": "set",
        "x-kubernetes-validations": [
          {
            rule: "self.all(range, isCIDR(range))",
            message: "write networks with their prefix length, as 192.0.2.0/24",
          },
        ],
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
      {
        rule: "self.type == 'LoadBalancer' || !(has(self.loadBalancerClass) || has(self.loadBalancerSourceRanges))",
        message: "loadBalancerClass and loadBalancerSourceRanges need type: LoadBalancer",
      },
    ],
  },
);

export const MOST_GATEWAYS = 9;

/** What only a gateway in Keepalived mode has. */
const KEEPALIVED = {
  virtualIP: Type.Optional(
    Type.String({
      description:
        "The address that one of the gateway's pods holds, as 192.0.2.10: a free one of the interface's subnet.",
      maxLength: 45,
      "x-kubernetes-validations": [
        { rule: "isIP(self)", message: "write one address without a prefix length, as 192.0.2.10" },
      ],
    }),
  ),
  interface: Type.Optional(
    Type.String({
      description: "The network interface of the Kubernetes nodes that has the virtual IP, as eth0.",
      pattern: "^[a-zA-Z0-9_.-]{1,15}$",
    }),
  ),
  virtualRouterID: Type.Optional(
    Type.Integer({
      description: "VRRP's number for this group of gateways, its own on the network segment; chosen when absent.",
      minimum: 1,
      maximum: 255,
    }),
  ),
  advertIntervalMilliseconds: Type.Optional(
    Type.Integer({
      description:
        "How often the holder shows that it lives; 200 when absent. After three silent intervals another takes over.",
      minimum: 10,
      maximum: 40_950,
    }),
  ),
  preemptDelaySeconds: Type.Optional(
    Type.Integer({
      description:
        "How long the first gateway waits, when it is back, before it takes the virtual IP again; 10 when absent.",
      minimum: 0,
      maximum: 1_000,
    }),
  ),
};

// The default, {}, must fit the rules too, and has no mode yet.
const IS_KEEPALIVED = "has(self.mode) && self.mode == 'Keepalived'";
const KEEPALIVED_FIELDS = Object.keys(KEEPALIVED);

/** What only a gateway of HTTP has: that of the broker passes the broker's own TLS on. */
const HTTPS = {
  tls: Type.Optional(
    Type.Object(
      {
        secretName: secretName(
          "Secret with tls.crt, which has the whole chain, and tls.key, as one of type kubernetes.io/tls. Its renewal restarts nothing.",
        ),
      },
      { description: "With it the gateway takes HTTPS only, of TLS 1.2 or newer. Behind it requests go on as HTTP." },
    ),
  ),
};

const FIELDS = {
  mode: Type.Enum(["Service", "Keepalived"], {
    type: "string",
    description:
      "How the gateway gets its address. Service: by a Kubernetes Service. Keepalived: by VRRP, as a virtual IP on the network of the Kubernetes nodes.",
    default: "Service",
  }),
  replicas: replicas(1, MOST_GATEWAYS, 2, "HAProxy pods; in Keepalived mode candidates for the virtual IP."),
  service: Service,
  ...KEEPALIVED,
  nodeSelector: Type.Optional(NodeSelector),
  resources: resources({ cpu: "20m", memory: "48Mi" }),
};

const OPTIONS = {
  description: "HAProxy in front of these pods: one address that stays while pods come and go.",
  default: {},
  "x-kubernetes-validations": [
    {
      rule: `!(${IS_KEEPALIVED}) || (has(self.virtualIP) && has(self.interface))`,
      message: "mode: Keepalived needs virtualIP, as 192.0.2.10, and interface, as eth0",
    },
    {
      rule: `!(${IS_KEEPALIVED}) || self.replicas >= 2`,
      message: "mode: Keepalived needs replicas of 2 or more: one holds the virtual IP, another one takes over",
    },
    {
      rule: `${IS_KEEPALIVED} || !(${KEEPALIVED_FIELDS.map((field) => `has(self.${field})`).join(" || ")})`,
      message: `${KEEPALIVED_FIELDS.join(", ")} need mode: Keepalived`,
    },
    {
      rule: `!(${IS_KEEPALIVED}) || self.service.type == 'ClusterIP'`,
      message: "mode: Keepalived has its address by VRRP: write service.type: ClusterIP, or leave it out",
    },
  ],
};

/** HAProxy pods behind one address, which pass TCP on. */
export const TcpGateway = Type.Object(FIELDS, OPTIONS);

/** HAProxy pods behind one address, which pass requests on. */
export const HttpGateway = Type.Object({ ...FIELDS, ...HTTPS }, OPTIONS);

/** That of the broker has no `tls`. */
export type GatewaySpec = Type.Static<typeof HttpGateway>;
