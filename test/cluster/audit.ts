import { OPERATOR_NAMESPACE } from "../lib/operator.ts";

const MEGABYTES_KEPT = 128;

/** Pure: what the API server is to record: that the operator has asked, and for what, but no contents. */
export function auditPolicy(): object {
  return {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata", userGroups: [`system:serviceaccounts:${OPERATOR_NAMESPACE}`] }, { level: "None" }],
  };
}

/** Pure: flags of the API server that make it write the audit log, and a second file when the first is full. */
export function auditFlags(policyFile: string, logFile: string): Record<string, string> {
  return {
    "audit-policy-file": policyFile,
    "audit-log-path": logFile,
    "audit-log-maxsize": String(MEGABYTES_KEPT / 2),
    "audit-log-maxbackup": "1",
  };
}
