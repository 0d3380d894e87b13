import { AcceptedRecord, AccountingRequest } from "../../../node-service/src/accounting/routes.ts";
import type { Routes } from "../boxes/bare-main.ts";

/** The route of a node, with the same schemas and an answer as long as a node's, for which nothing is stored. */
export const routes: Routes = (app) => {
  app.post("/v1/accounting", { schema: { body: AccountingRequest, response: { 200: AcceptedRecord } } }, () => ANSWER);
};

const ANSWER = { recordId: "subscriber-123/box-123/node-1-12345/Stop/12" };
