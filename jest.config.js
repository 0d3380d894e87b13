const base = {
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": ["@swc/jest", { jsc: { target: "es2023", parser: { syntax: "typescript" } } }] },
  modulePathIgnorePatterns: ["/dist/"],
};

// unit: no process but this one. component: a service against real RabbitMQ and PostgreSQL. e2e: the real cluster.
export default {
  // Also a hook's: a database or a broker of its own takes some of that on a busy machine. Jest heeds it only here.
  testTimeout: 30_000,
  projects: [
    {
      ...base,
      displayName: "unit",
      testMatch: ["**/*.test.ts"],
      testPathIgnorePatterns: ["/node_modules/", "\\.component\\.test\\.ts$", "\\.e2e\\.test\\.ts$"],
    },
    {
      ...base,
      displayName: "component",
      testMatch: ["**/*.component.test.ts"],
      globalSetup: "<rootDir>/test/services/global-setup.ts",
      globalTeardown: "<rootDir>/test/services/global-teardown.ts",
    },
    { ...base, displayName: "e2e", testMatch: ["<rootDir>/test/e2e/*.e2e.test.ts"] },
  ],
};
