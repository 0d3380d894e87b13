import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cached, hashOf } from "../test/lib/cache.ts";
import { dockerAnswers } from "../test/lib/docker.ts";
import { runMain, UserError } from "../test/lib/errors.ts";
import { withLock } from "../test/lib/lock.ts";
import { run } from "../test/lib/run.ts";
import { say, step } from "../test/lib/steps.ts";
import { buildahEngine } from "./buildah.ts";
import { dockerEngine } from "./docker.ts";
import type { Engine, EngineName } from "./engine.ts";
import { IMAGE_NAMES, type ImageName, isImageName, type Recipe, recipeOf } from "./recipes.ts";

const PARALLEL_BUILDS = 2;

/** `ref` is what pods name; it changes when, and only when, what the image is made from changes. */
export interface Image {
  readonly name: ImageName;
  readonly ref: string;
  readonly id: string;
}

/** `archive` is the path of one archive of all images, for `ctr images import` and `kind load image-archive`. */
export interface BuiltImages {
  readonly images: readonly Image[];
  readonly archive: string;
}

export interface BuildOptions {
  /** Default: Docker where its engine answers, else buildah. */
  readonly engine?: EngineName;
  /** Default: all. */
  readonly only?: readonly ImageName[];
}

/** Builds the images whose sources changed since the last time, and the archive of all of them. */
export async function buildImages({ engine: wanted, only = IMAGE_NAMES }: BuildOptions = {}): Promise<BuiltImages> {
  const engine = engineOf(wanted ?? chooseEngine());
  const dir = await withLock("images", async () => {
    const recipes = await recipesOf(engine, only);
    const refs = recipes.map(({ ref }) => ref);
    return cached("images", hashOf(engine.name, ...refs), async (partial) => {
      const images = await ensureBuilt(engine, recipes);
      await step("image archive", () => engine.save(refs, join(partial, "images.tar")));
      await writeFile(join(partial, "images.json"), JSON.stringify(images));
    });
  });
  const images = JSON.parse(await readFile(join(dir, "images.json"), "utf8")) as readonly Image[];
  return { images, archive: join(dir, "images.tar") };
}

/** What each image is made from, which says its ref without building it. Call it with the lock "images" held. */
export async function recipesOf(engine: Engine, names: readonly ImageName[]): Promise<readonly Recipe[]> {
  const basePin = await engine.basePin();
  return Promise.all(names.map((name) => recipeOf(name, basePin)));
}

/** Builds those that the engine does not have yet. Call it with the lock "images" held. */
export async function ensureBuilt(engine: Engine, recipes: readonly Recipe[]): Promise<readonly Image[]> {
  await engine.prepare();
  const waiting = [...recipes];
  const images: Image[] = [];
  const work = async (): Promise<void> => {
    for (let recipe = waiting.shift(); recipe !== undefined; recipe = waiting.shift()) {
      images.push(await built(engine, recipe));
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: PARALLEL_BUILDS }, work));
  for (const worker of workers) if (worker.status === "rejected") throw worker.reason;
  await engine.prune(images.map(({ ref }) => ref));
  return recipes.flatMap(({ name }) => images.filter((image) => image.name === name));
}

async function built(engine: Engine, recipe: Recipe): Promise<Image> {
  const { name, ref } = recipe;
  if ((await engine.id(ref)) === null) {
    const context = await mkdtemp(join(tmpdir(), `aaa-image-${name}-`));
    try {
      await recipe.writeContext(context);
      await step(`image ${name}`, () => engine.build(ref, context));
    } finally {
      await rm(context, { recursive: true, force: true });
    }
  }
  const id = await engine.id(ref);
  if (id === null) throw new Error(`${engine.name} built ${ref} but does not have it`);
  return { name, ref, id };
}

/** Docker where its engine answers, else buildah. */
export function chooseEngine(): EngineName {
  return dockerAnswers() ? "docker" : "buildah";
}

const engineOf = (name: EngineName): Engine => (name === "docker" ? dockerEngine() : buildahEngine());

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: "string" }, engine: { type: "string" } } });
  const only = values.only?.split(",") ?? IMAGE_NAMES;
  const engine = values.engine ?? chooseEngine();
  if (!only.every(isImageName)) throw new UserError("--only names no image of ours", `use: ${IMAGE_NAMES.join(",")}`);
  if (engine !== "docker" && engine !== "buildah") {
    throw new UserError(`--engine ${engine} is unknown`, "use docker or buildah");
  }
  const { images, archive } = await buildImages({ engine, only });
  for (const { ref } of images) say(ref);
  say(`${archive}  ${(await run("du", ["-h", archive])).split("\t")[0]}`);
}

if (import.meta.main) await runMain(main);
