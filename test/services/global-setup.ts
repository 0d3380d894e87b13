import { makeCertificate } from "./certificate.ts";
import { removeAbandonedFolders } from "./folders.ts";
import { type Postgresql, startPostgresql } from "./postgresql.ts";
import { type Rabbitmq, startRabbitmq } from "./rabbitmq.ts";
import { SHARED_POSTGRESQL, SHARED_RABBITMQ } from "./shared.ts";

declare global {
  // Jest runs the teardown in the same process, from another module instance.
  var aaaTestServices: readonly [Rabbitmq, Postgresql] | undefined;
}

/** Jest's global setup of the component tests: starts one RabbitMQ and one PostgreSQL for the whole run. */
export default async function setUp(): Promise<void> {
  await removeAbandonedFolders();
  const certificate = await makeCertificate("localhost");
  const [rabbitmq, postgresql] = await Promise.all([startRabbitmq(certificate), startPostgresql(certificate)]);
  globalThis.aaaTestServices = [rabbitmq, postgresql];
  const { host, port, managementPort, adminUser, adminPassword, tls } = rabbitmq;
  process.env[SHARED_RABBITMQ] = JSON.stringify({ host, port, managementPort, adminUser, adminPassword, tls });
  const { ca } = certificate;
  process.env[SHARED_POSTGRESQL] = JSON.stringify({ host: postgresql.host, port: postgresql.port, ca });
}
