import { run } from "../test/lib/run.ts";
import { type Engine, outdated } from "./engine.ts";
import { registryError } from "./registry.ts";

/** Builds with a Docker engine, which pulls the base images from Docker Hub. */
export function dockerEngine(): Engine {
  return {
    name: "docker",
    basePin: async () => "docker",
    prepare: async () => {},
    id: async (ref) => (await run("docker", ["image", "ls", "--quiet", "--no-trunc", ref])).trim() || null,
    build: async (ref, context) => {
      try {
        await run("docker", ["build", "--quiet", "--tag", ref, context]);
      } catch (error) {
        throw registryError(error);
      }
    },
    prune: async (keep) => {
      const all = await run("docker", ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
      const old = outdated(all.trim().split("\n"), keep);
      if (old.length > 0) await run("docker", ["image", "rm", ...old]);
    },
    save: async (refs, archive) => {
      await run("docker", ["save", "--output", archive, ...refs]);
    },
  };
}
