import { Decimal, Digest } from "@aaa-cluster/contract";
import { ProblemSchema } from "@aaa-cluster/service-kit";
import Type, { type TSchema } from "typebox";
import { AcceptedRecord, AcceptedRecords, AccountingListRequest, AccountingRequest } from "../accounting/routes.ts";
import {
  AccessGrant,
  Admission,
  AuthenticateRequest,
  Challenge,
  ChallengeRequest,
  RefreshRequest,
} from "../authentication/schemas.ts";
import {
  AuthorizeAnswer,
  AuthorizeListAnswer,
  AuthorizeListRequest,
  AuthorizeRequest,
} from "../authorization/schemas.ts";

const count = Type.Integer({ minimum: 0 });

export const PartitionState = Type.Object({
  name: Type.String(),
  queue: Type.String(),
  epoch: Decimal,
  sequence: Decimal,
  digest: Digest,
  differs: Type.Boolean(),
  lag: count,
  lagSeconds: count,
  behind: Type.Boolean(),
  consuming: Type.Boolean(),
  synced: Type.Boolean(),
  databaseVersion: Type.String(),
});

/** The schemas that have a name in the document. */
export const schemas: Readonly<Record<string, TSchema>> = {
  ChallengeRequest,
  Challenge,
  AuthenticateRequest,
  Admission,
  RefreshRequest,
  AccessGrant,
  AuthorizeRequest,
  AuthorizeAnswer,
  AuthorizeListRequest,
  AuthorizeListAnswer,
  AccountingRequest,
  AcceptedRecord,
  AccountingListRequest,
  AcceptedRecords,
  PartitionState,
  Problem: ProblemSchema,
};
