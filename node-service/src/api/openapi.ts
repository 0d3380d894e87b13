import { type Json, openApiOf } from "@aaa-cluster/service-kit";
import type { FastifyInstance } from "fastify";
import { operations, parameters, problems } from "./operations.ts";
import { schemas } from "./schemas.ts";

/** The API as an OpenAPI 3.1 document. */
export const openApiDocument = (): Json =>
  openApiOf({
    head: {
      info: {
        title: "AAA node API",
        version: "1.0.0",
        description:
          "What a set-top box asks of an AAA cluster: to be admitted, to be authorized for a service, and to have its use " +
          "accounted for. Any node answers any request. Every answer but 2xx is a problem (RFC 9457).",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/", description: "Port 6060 of the AAA gateway, port 6600 of a node" }],
    },
    operations,
    parameters,
    problems,
    schemas,
  });

/** What a node takes and answers, as an OpenAPI document. */
export async function openApiRoute(app: FastifyInstance): Promise<void> {
  const document = openApiDocument();
  app.get("/openapi.json", () => document);
}
