export * from "./accounting.ts";
export * from "./decimal.ts";
export * from "./entities.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./names.ts";
export * from "./snapshot.ts";
