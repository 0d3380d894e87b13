import { UserError } from "../lib/errors.ts";
import type { RabbitmqAddress } from "./rabbitmq.ts";

/** The instances that one test run shares, by the environment variable that tells its workers where they are. */
export const SHARED_RABBITMQ = "AAA_TEST_RABBITMQ";
export const SHARED_POSTGRESQL = "AAA_TEST_POSTGRESQL";

export interface PostgresqlAddress {
  readonly host: string;
  readonly port: number;
  /** PEM of the CA that signed its certificate, which is for `localhost`. */
  readonly ca?: string;
}

export const sharedRabbitmq = (): RabbitmqAddress => addressIn(SHARED_RABBITMQ);
export const sharedPostgresql = (): PostgresqlAddress => addressIn(SHARED_POSTGRESQL);

function addressIn<T>(variable: string): T {
  const text = process.env[variable];
  if (text === undefined) {
    throw new UserError(
      `${variable} is not set`,
      "run this test in Jest's project `component`, whose global setup sets it",
    );
  }
  return JSON.parse(text) as T;
}
