import type { IncomingHttpHeaders } from "node:http";
import type { Problem } from "@aaa-cluster/service-kit";
import type Type from "typebox";
import type { TSchema } from "typebox";
import type { ShedReason } from "../admission/admission.ts";

/** Names and values of headers in turn, as Node writes them. */
export type Head = readonly string[];

/** What is answered with 200: a text is JSON already. */
export type Answer = string | object;

/** An answer while it is made. */
export interface Reply {
  head: Head;
}

/** A POST of JSON that boxes send. */
export interface BoxRoute {
  readonly path: string;
  /** What a body has to be. */
  readonly body: TSchema;
  /** Throws, or rejects with, a Problem for the box; anything else is the node's own fault. */
  readonly answer: (body: never, reply: Reply) => Answer | Promise<Answer>;
}

/** Routes that have the same in common before a body is read. */
export interface BoxRoutes {
  readonly routes: readonly BoxRoute[];
  /** Whether they bound by themselves how many requests wait. */
  readonly hasQueue: boolean;
  /** Why a request is not even read, or null. Throws Problem too. */
  readonly refusal: (headers: IncomingHttpHeaders) => Problem | ShedReason | null;
  /** What every answer begins with, also when it is a problem. */
  readonly head: () => Head;
}

/** A route whose body has the type of its schema. */
export function boxRoute<S extends TSchema>(
  path: string,
  body: S,
  answer: (body: Type.Static<S>, reply: Reply) => Answer | Promise<Answer>,
): BoxRoute {
  return { path, body, answer };
}
