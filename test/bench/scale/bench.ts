import { UserError } from "../../lib/errors.ts";
import { removeAbandonedFolders } from "../../services/folders.ts";
import { measureLimit } from "./limit.ts";
import { measure } from "./measure.ts";
import { ourOperator } from "./operators.ts";
import { builtPrograms } from "./programs.ts";
import { report } from "./report.ts";

// For a quick trial there may be fewer.
const CLUSTERS = Number(process.env.CLUSTERS ?? 300);

/**
 * The operator with 300 AaaClusters at once, on a real API server with the controllers of Kubernetes, where KWOK says
 * that every pod is ready. CLUSTERS changes how many. No pod really runs: whoever calls one is refused, so no cluster
 * becomes Ready, and the idle figures are those of clusters whose broker does not answer.
 *
 * Its peer was to be rabbitmq/cluster-operator, which cannot be built here: the Go module proxy does not hand it out.
 * What the operator is held against instead is no operator but the limit of all: a bare client that makes the same
 * objects by one write for each and knows nothing of them. No operator can do with fewer calls.
 */
export async function bench(): Promise<object> {
  if (process.platform !== "linux") throw new UserError("this bench reads /proc", "run it on Linux");
  await removeAbandonedFolders();
  const programs = await builtPrograms();
  const operator = await ourOperator();
  const { figures, made } = await measure(operator, CLUSTERS, programs);
  const limit = await measureLimit(operator, made, programs);
  return { ...report(figures, limit), clusters: CLUSTERS };
}
