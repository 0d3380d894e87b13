export type EngineName = "docker" | "buildah";

/** What makes, keeps and hands out images. Refs are full: `aaacluster.io/operator:0123456789abcdef`. */
export interface Engine {
  readonly name: EngineName;
  /** What stands for the base images that builds start from. */
  basePin(): Promise<string>;
  /** Makes what every build needs. Rejects with UserError when this machine cannot build. */
  prepare(): Promise<void>;
  /** The image's id, or null when there is no such image. */
  id(ref: string): Promise<string | null>;
  /** Builds the Dockerfile of a folder. */
  build(ref: string, context: string): Promise<void>;
  /** Removes what these images have replaced. */
  prune(keep: readonly string[]): Promise<void>;
  /** Writes one archive that holds these images under their refs, layers that they share once. */
  save(refs: readonly string[], archive: string): Promise<void>;
}

/** The refs among `all` that name one of the images to keep, under another tag. */
export function outdated(all: readonly string[], keep: readonly string[]): string[] {
  const name = (ref: string): string => ref.slice(0, ref.lastIndexOf(":"));
  const kept = new Set(keep.map(name));
  return all.filter((ref) => kept.has(name(ref)) && !keep.includes(ref));
}
