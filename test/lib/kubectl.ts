import { run } from "./run.ts";

/** How to reach a Kubernetes cluster: paths of the command line tools and of a kubeconfig, and what it has recorded. */
export interface Access {
  readonly kubectl: string;
  readonly helm: string;
  readonly kubeconfig: string;
  /** The text of the API server's audit log, which has what the operator asked for (`requestsOf` reads it). */
  readonly auditLog: () => Promise<string>;
}

/** The fields of a Kubernetes object that the tools and tests read. */
export interface KubernetesObject {
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind; each reader knows the fields it wants
  readonly [field: string]: any;
}

/** kubectl, as functions. Every call rejects with the message of kubectl when it fails. */
export class Kubectl {
  readonly access: Access;
  readonly namespace: string;

  constructor(access: Access, namespace: string) {
    this.access = access;
    this.namespace = namespace;
  }

  run(args: readonly string[], input?: string): Promise<string> {
    const all = [`--kubeconfig=${this.access.kubeconfig}`, `--namespace=${this.namespace}`, ...args];
    return run(this.access.kubectl, all, input === undefined ? {} : { input });
  }

  /** Applies manifests (YAML or JSON text) and returns what kubectl prints. */
  apply(manifests: string): Promise<string> {
    return this.run(["apply", "--filename=-"], manifests);
  }

  async get(kind: string, name: string): Promise<KubernetesObject> {
    return JSON.parse(await this.run(["get", kind, name, "--output=json"])) as KubernetesObject;
  }

  async list(kinds: string, selector?: string): Promise<readonly KubernetesObject[]> {
    const args = ["get", kinds, "--output=json", ...(selector === undefined ? [] : [`--selector=${selector}`])];
    return (JSON.parse(await this.run(args)) as { items: KubernetesObject[] }).items;
  }

  /** GET of any API path through the API server, which also proxies to pods. */
  async getRaw<T>(path: string): Promise<T> {
    return JSON.parse(await this.run(["get", "--raw", path])) as T;
  }

  /** One decoded value of a Secret. */
  async secretValue(name: string, key: string): Promise<string> {
    const value = (await this.get("secret", name)).data?.[key];
    if (typeof value !== "string") throw new Error(`Secret ${name} has no key ${key}`);
    return Buffer.from(value, "base64").toString();
  }
}
