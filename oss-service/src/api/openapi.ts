import { type Json, openApiOf } from "@aaa-cluster/service-kit";
import { operations, parameters, problems } from "./operations.ts";
import { components } from "./schemas.ts";

/** The API as an OpenAPI 3.1 document. */
export const openApiDocument = (): Json =>
  openApiOf({
    head: {
      info: {
        title: "OSS provisioning API",
        version: "1.0.0",
        description:
          "Subscribers, devices, product offerings and entitlements of an AAA cluster. A 2xx means: committed, and every " +
          "AAA node will get it, whatever happens next. Every other answer is a problem (RFC 9457) and has changed nothing.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/", description: "Port 6070 of the OSS gateway, port 6700 of an OSS replica" }],
      security: [{ token: [] }],
    },
    operations,
    parameters,
    problems,
    schemas: components,
    securitySchemes: { token: { type: "http", scheme: "bearer" } },
  });
