import type { LivePod } from "./world.ts";

/** Why a candidate cannot hold a virtual IP, in the words of the image's `candidate.sh`. */
export const TROUBLES = ["InterfaceMissing", "VirtualIPOutsideSubnet", "VirtualIPInUse"] as const;

export interface CandidateTrouble {
  readonly reason: (typeof TROUBLES)[number];
  readonly message: string;
}

/** What keeps a candidate from running keepalived, as it said when it gave up. */
export function troubleOf({ metadata, spec, status }: LivePod): CandidateTrouble | undefined {
  const keepalived = status?.containerStatuses?.find(({ name }) => name === "keepalived");
  if (keepalived === undefined || keepalived.ready) return undefined;
  const said = keepalived.state?.terminated?.message ?? keepalived.lastState?.terminated?.message ?? "";
  const reason = TROUBLES.find((one) => said.startsWith(`${one}: `));
  if (reason === undefined) return undefined;
  const where = `${metadata.name} on node ${spec?.nodeName ?? "unknown"}`;
  return { reason, message: `${where}: ${said.slice(reason.length + 2).trim()}` };
}
