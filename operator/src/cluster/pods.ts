import type { LivePod } from "./world.ts";

/** Whether a pod serves: ready, and not on its way out. */
export function isReady({ metadata, status }: LivePod): boolean {
  const isTrue = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
  return isTrue && metadata.deletionTimestamp === undefined;
}

/**
 * Whether a pod has ended for good, as one that was evicted: its controller makes another, and may let this one lie.
 * One that is being deleted is not over, although its containers may have ended: its name is taken until it has gone.
 */
export function isOver({ metadata, status }: LivePod): boolean {
  const hasEnded = status?.phase === "Failed" || status?.phase === "Succeeded";
  return hasEnded && metadata.deletionTimestamp === undefined;
}

/** A host name or address and a port, as URLs have them. */
export function hostAndPort(host: string, port: number | string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reasons that a container may wait for which are only steps on the way. */
const ON_THE_WAY = new Set(["PodInitializing", "ContainerCreating"]);

/** Why a pod is not ready, in words a person can act on. */
export function podProblem({ metadata, spec, status }: LivePod): string {
  if (metadata.deletionTimestamp !== undefined) {
    const where = spec?.nodeName === undefined ? "" : ` on node ${spec.nodeName}`;
    const holders = metadata.finalizers ?? [];
    return `is terminating${where}${holders.length === 0 ? "" : `, held by ${holders.join(", ")}`}`;
  }
  const unscheduled = status?.conditions?.find(
    ({ type, status: value }) => type === "PodScheduled" && value === "False",
  );
  if (unscheduled !== undefined) return `cannot be scheduled: ${unscheduled.message ?? unscheduled.reason}`;
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  for (const { name, state, lastState } of containers) {
    const { reason, message } = state?.waiting ?? {};
    if (reason === undefined || ON_THE_WAY.has(reason)) continue;
    const exit = lastState?.terminated;
    const detail = message ?? (exit === undefined ? "" : `last exit code ${exit.exitCode}`);
    return `container ${name}: ${reason}${detail === "" ? "" : `, ${detail}`}`;
  }
  const starting = containers.find(({ ready, state }) => !ready && state?.terminated === undefined);
  return starting === undefined ? "is starting" : `container ${starting.name} is not ready yet`;
}
