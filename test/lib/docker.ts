import { spawnSync } from "node:child_process";

/** Whether a Docker engine answers on this machine. */
export function dockerAnswers(): boolean {
  return spawnSync("docker", ["info"], { stdio: "ignore", timeout: 5_000 }).status === 0;
}
