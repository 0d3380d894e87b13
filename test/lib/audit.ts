/** A request that the API server has answered, as its audit log has it. */
export interface AuditedRequest {
  readonly verb: string;
  /** Empty for the core group. */
  readonly group: string;
  readonly resource: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** Empty for what belongs to the whole cluster. */
  readonly namespace: string;
}

/** The fields of an `audit.k8s.io/v1` Event that are read here. */
interface AuditEvent {
  readonly verb: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

const CREATED = 201;
const FORBIDDEN = 403;

/**
 * Pure: the requests in the text of an audit log, each one once. A PATCH or PUT that has made the object needs the right
 * to create it too, and so counts as both. What was forbidden is left out, and so is a line that is still being written.
 */
export function requestsOf(log: string): AuditedRequest[] {
  const lines = log.slice(0, log.lastIndexOf("\n") + 1).split("\n");
  const events = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as AuditEvent);
  const requests = events.filter(({ responseStatus }) => responseStatus?.code !== FORBIDDEN).flatMap(requestsOfEvent);
  return [...new Map(requests.map((request) => [JSON.stringify(request), request])).values()];
}

function requestsOfEvent({ verb, objectRef, responseStatus }: AuditEvent): AuditedRequest[] {
  if (objectRef?.resource === undefined) return [];
  const { apiGroup: group = "", resource, subresource = "", namespace = "" } = objectRef;
  const verbs = responseStatus?.code === CREATED ? new Set([verb, "create"]) : [verb];
  return [...verbs].map((each) => ({ verb: each, group, resource, subresource, namespace }));
}
