import type { Access } from "../lib/kubectl.ts";

/** Images and the one archive that holds them all, as `images/build.ts` makes them. */
export interface LoadableImages {
  readonly images: readonly { readonly ref: string }[];
  readonly archive: string;
}

/** A Kubernetes with three worker nodes that this repository starts and takes away. */
export interface Cluster {
  readonly kind: "kind" | "local";
  /** One line for a person: what it is and why it was chosen. */
  readonly describe: string;
  /** Where kubectl, helm and the kubeconfig are once `up` is done. */
  readonly access: Access;
  /** Rejects with UserError when this machine cannot run it. Takes a second or two and changes nothing. */
  preflight(): Promise<void>;
  /** Starts what does not run yet and repairs what is missing; quick when nothing is. */
  up(): Promise<void>;
  /** Takes all of it away, also what an interrupted `up` has left. */
  down(): Promise<void>;
  /** What runs, for a person to read. */
  status(): Promise<string>;
  /** Puts images on every node; quick when they are there. */
  loadImages(images: LoadableImages): Promise<void>;
}
