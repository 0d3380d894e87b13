import { UserError } from "../test/lib/errors.ts";
import { CommandError } from "../test/lib/run.ts";

const SYMPTOMS: readonly { readonly pattern: RegExp; readonly registry: string; readonly remedy: string }[] = [
  {
    pattern: /^.*(?:failed to resolve source metadata|registry-1\.docker\.io|pull access denied).*$/m,
    registry: "Docker Hub",
    remedy:
      "check that `docker pull debian:trixie-slim` works (network, proxy, rate limit), or stop the Docker engine and run as root: the base images are then made from Debian packages",
  },
  {
    pattern:
      /^.*(?:Temporary failure resolving|Could not resolve|Unable to connect|Could not connect|Connection timed out|Failed to fetch|connection failed).*$/m,
    registry: "the Debian mirror",
    remedy: "check that `apt-get update` works on this machine (network, DNS, proxy), then run this again",
  },
];

/** The UserError that a failed build stands for when a registry did not answer; else what was thrown itself. */
export function registryError(error: unknown): unknown {
  if (!(error instanceof CommandError)) return error;
  for (const { pattern, registry, remedy } of SYMPTOMS) {
    const said = pattern.exec(error.stderr)?.[0].trim();
    if (said !== undefined) return new UserError(`${registry} does not answer: ${said}`, remedy, { cause: error });
  }
  return error;
}
