import { expect, test } from "@jest/globals";
import { type End, mayConnect, type Policy } from "./network.ts";

const web: End = { namespace: "a", labels: { app: "web" } };
const db: End = { namespace: "a", labels: { app: "db" } };
const stranger: End = { namespace: "b", labels: { app: "web" } };
const outside: End = {};
const port = { protocol: "TCP", port: 80 } as const;
const policy = (spec: Partial<Policy["spec"]>): Policy => ({
  namespace: "a",
  spec: { podSelector: { matchLabels: { app: "db" } }, policyTypes: ["Ingress"], ...spec },
});
const fromWeb = [{ from: [{ podSelector: { matchLabels: { app: "web" } } }] }];

test("who is under no policy may connect and be connected to", () => {
  expect(mayConnect([], outside, db, port)).toBe(true);
  expect(mayConnect([policy({})], db, web, port)).toBe(true);
});

test("a policy without rules lets nobody in", () => {
  expect(mayConnect([policy({})], web, db, port)).toBe(false);
});

test("a policy holds in its own namespace only, and so do its selectors of pods", () => {
  const policies = [policy({ ingress: fromWeb })];
  expect(mayConnect(policies, web, db, port)).toBe(true);
  expect(mayConnect(policies, stranger, db, port)).toBe(false);
  expect(mayConnect(policies, outside, db, port)).toBe(false);
  expect(mayConnect(policies, outside, { ...db, namespace: "b" }, port)).toBe(true);
});

test("with a selector of namespaces a peer must fit both", () => {
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": "b" } };
  const both = [policy({ ingress: [{ from: [{ namespaceSelector, podSelector: { matchLabels: { app: "web" } } }] }] })];
  expect(mayConnect(both, stranger, db, port)).toBe(true);
  expect(mayConnect(both, web, db, port)).toBe(false);
  expect(mayConnect(both, { namespace: "b", labels: {} }, db, port)).toBe(false);
});

test("both sides must let a connection, and only on the ports that they name", () => {
  const inwards = policy({ ingress: [{ ports: [{ port: 80 }] }] });
  const outwards = policy({
    podSelector: { matchLabels: { app: "web" } },
    policyTypes: ["Egress"],
    egress: [{ ports: [{ protocol: "UDP", port: 80 }] }],
  });
  expect(mayConnect([inwards], web, db, port)).toBe(true);
  expect(mayConnect([inwards], web, db, { protocol: "UDP", port: 80 })).toBe(false);
  expect(mayConnect([inwards, outwards], web, db, port)).toBe(false);
  expect(mayConnect([outwards], web, db, { protocol: "UDP", port: 80 })).toBe(true);
});

test("a selector that it does not know is an error rather than a guess", () => {
  const odd = policy({ podSelector: { matchExpressions: [] } as object });
  expect(() => mayConnect([odd], web, db, port)).toThrow("matchExpressions");
});
