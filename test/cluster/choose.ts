import { dockerAnswers } from "../lib/docker.ts";
import { UserError } from "../lib/errors.ts";
import { findCommand } from "../lib/packages.ts";
import type { Cluster } from "./cluster.ts";
import { kindCluster } from "./kind.ts";
import { localCluster } from "./local/local-cluster.ts";

const KINDS: Readonly<Record<Cluster["kind"], () => Cluster>> = { kind: kindCluster, local: localCluster };

/** The cluster that CLUSTER names; without it kind where a Docker engine answers and kind is installed, else local. */
export function chooseCluster(): Cluster {
  const wanted = process.env.CLUSTER ?? (canRunKind() ? "kind" : "local");
  if (wanted !== "kind" && wanted !== "local") {
    throw new UserError(`CLUSTER=${wanted} is no cluster`, "use CLUSTER=kind or CLUSTER=local, or leave it out");
  }
  return KINDS[wanted]();
}

function canRunKind(): boolean {
  return findCommand("kind") !== null && dockerAnswers();
}
