import {
  type Admission,
  AuthenticateRequest,
  type Challenge,
  ChallengeRequest,
} from "../../../node-service/src/authentication/schemas.ts";
import type { Routes } from "../boxes/bare-main.ts";

/** The routes of a node, with the same schemas and answers as long as a node's, for which nothing is computed. */
export const routes: Routes = (app) => {
  app.post("/v1/authenticate/challenge", { schema: { body: ChallengeRequest } }, async () => CHALLENGE_ANSWER);
  app.post("/v1/authenticate", { schema: { body: AuthenticateRequest } }, async () => ADMISSION_ANSWER);
};

const NONCE = "a".repeat(24 + 56);
const CHALLENGE_ANSWER: Challenge = { serverFirst: `r=${NONCE},s=${"a".repeat(24)},i=4096` };
const ADMISSION_ANSWER: Admission = {
  serverFinal: `v=${"a".repeat(44)}`,
  accessToken: "a".repeat(250),
  tokenType: "Bearer",
  expiresIn: 3600,
  refreshToken: "a".repeat(250),
  refreshExpiresIn: 86_400,
};

const CLIENT_FIRST = `n,,n=subscriber-12345,r=${"a".repeat(24)}`;

/** What a box sends for one admission, as long as it is to a node. */
export const REQUESTS = [
  { path: "/v1/authenticate/challenge", body: { deviceId: "box-12345", clientFirst: CLIENT_FIRST } },
  {
    path: "/v1/authenticate",
    body: {
      deviceId: "box-12345",
      clientFirst: CLIENT_FIRST,
      clientFinal: `c=biws,r=${NONCE},p=${"a".repeat(43)}=`,
    },
  },
];
