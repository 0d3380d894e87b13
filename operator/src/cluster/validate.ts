import Value from "typebox/value";
import type { AaaCluster } from "../api/aaacluster.ts";
import type { GatewaySpec, ResourcesSpec, StorageSpec } from "../api/fields.ts";
import { Spec } from "../api/schema.ts";
import { type Names, namesOf } from "./names.ts";
import type { Settings } from "./settings.ts";

/** The spec cannot be built. Only a change of the spec helps. */
export class InvalidSpec extends Error {
  override readonly name = "InvalidSpec";
}

interface Part {
  readonly replicas: number;
  readonly image: string;
  readonly resources: ResourcesSpec;
}

interface Database {
  readonly image: string;
  readonly resources: ResourcesSpec;
  readonly storage: StorageSpec;
}

/** An AaaCluster with all doubt settled: every builder works on this, and none can fail. */
export interface ValidatedCluster {
  readonly name: string;
  readonly namespace: string;
  readonly names: Names;
  readonly clusterDomain: string;
  readonly paused: boolean;
  readonly haproxyImage: string;
  readonly broker: Part & { readonly storage: StorageSpec; readonly gateway: GatewaySpec };
  readonly oss: Part & { readonly exchange: string; readonly database: Database; readonly gateway: GatewaySpec };
  readonly nodes: Part & { readonly database: Database; readonly gateway: GatewaySpec };
}

/**
 * Checks an AaaCluster and fills in what the operator decides.
 * @throws InvalidSpec when the object does not fit the schema, as one stored under another CRD may not
 */
export function validate(cluster: AaaCluster, { images, clusterDomain }: Settings): ValidatedCluster {
  const { spec, metadata } = cluster;
  const [problem] = Value.Errors(Spec, spec);
  if (problem !== undefined) {
    throw new InvalidSpec(
      `spec${problem.instancePath.replaceAll("/", ".")} ${problem.message}: apply the CRD of this operator`,
    );
  }
  const { broker, oss, nodes } = spec;
  const database = (part: typeof oss.database): Database => ({ ...part, image: part.image ?? images.postgresql });
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "default",
    names: namesOf(metadata.name),
    clusterDomain,
    paused: spec.paused,
    haproxyImage: images.haproxy,
    broker: { ...broker, image: broker.image ?? images.rabbitmq },
    oss: { ...oss, image: oss.image ?? images.ossService, database: database(oss.database) },
    nodes: { ...nodes, image: nodes.image ?? images.nodeService, database: database(nodes.database) },
  };
}
