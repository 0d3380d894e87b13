import { randomBytes } from "node:crypto";
import { apiVersionOf, type KubeObject, type Resource } from "../objects.ts";
import { microTime } from "../time.ts";

export const EVENT: Resource = { group: "events.k8s.io", version: "v1", kind: "Event", plural: "events" };

/** Something that happened to an object, as its user shall read it. */
export interface EventInput {
  readonly type: "Normal" | "Warning";
  /** Why, for programs: one word in CamelCase, at most 128 characters. */
  readonly reason: string;
  /** What was done or tried: one word in CamelCase, at most 128 characters. */
  readonly action: string;
  /** For people. What is beyond 1024 bytes is cut off. */
  readonly note: string;
  /** Another object that it has to do with. */
  readonly related?: KubeObject;
}

/** Who reports: a qualified name as `example.com/operator`, and which process of it (at most 128 characters). */
export interface Reporter {
  readonly reportingController: string;
  readonly reportingInstance: string;
}

/** How often something happened, 2 or more, and when it did last, as a MicroTime. */
export interface EventSeries {
  readonly count: number;
  readonly lastObservedTime: string;
}

interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** An object of events.k8s.io/v1. The API server lets nothing in it be changed but the series. */
export interface Event extends KubeObject, Reporter {
  readonly eventTime: string;
  readonly type: string;
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly regarding: ObjectReference;
  readonly related?: ObjectReference;
  readonly series?: EventSeries;
}

const NOTE_BYTES = 1024;
const INSTANCE_LENGTH = 128;
const NAME_LENGTH = 253;

/** The Event of something that happened for the first time. Events about objects without a namespace are in "default". */
export function eventOf(regarding: KubeObject, input: EventInput, reporter: Reporter, at: Date): Event {
  const { type, reason, action, note, related } = input;
  const { name, namespace = "default" } = regarding.metadata;
  return {
    apiVersion: apiVersionOf(EVENT),
    kind: EVENT.kind,
    metadata: { name: eventNameOf(name), namespace },
    eventTime: microTime(at),
    reportingController: reporter.reportingController,
    reportingInstance: reporter.reportingInstance.slice(0, INSTANCE_LENGTH),
    type,
    reason,
    action,
    note: cut(note),
    regarding: referenceTo(regarding),
    ...(related === undefined ? {} : { related: referenceTo(related) }),
  };
}

/** The same Event as a new object, of a moment later. */
export function recreated(event: Event, at: Date): Event {
  const name = eventNameOf(event.regarding.name);
  return { ...event, metadata: { ...event.metadata, name }, eventTime: microTime(at) };
}

export function seriesOf(count: number, lastObserved: Date): EventSeries {
  return { count, lastObservedTime: microTime(lastObserved) };
}

/** Two events with the same identity are one that repeats. */
export function identityOf(regarding: KubeObject, { type, reason, action, note, related }: EventInput): string {
  return JSON.stringify([aboutOf(regarding), type, reason, action, cut(note), related && aboutOf(related)]);
}

/** What tells an object from all others, also from one that had its name before. */
export function aboutOf({ kind, metadata: { uid, namespace = "", name } }: KubeObject): string {
  return uid ?? `${kind}/${namespace}/${name}`;
}

/** A legal name that no other Event has, from the name of the object, which need not be legal for an Event. */
function eventNameOf(name: string): string {
  const suffix = `.${randomBytes(8).toString("hex")}`;
  const legal = name
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .replace(/-*\.[.-]*/g, ".")
    .slice(0, NAME_LENGTH - suffix.length)
    .replace(/^[.-]+|[.-]+$/g, "");
  return (legal || "event") + suffix;
}

function referenceTo({ apiVersion, kind, metadata }: KubeObject): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { apiVersion, kind, name, namespace, uid, resourceVersion };
}

function cut(note: string): string {
  return note.slice(0, new TextEncoder().encodeInto(note, new Uint8Array(NOTE_BYTES)).read);
}
