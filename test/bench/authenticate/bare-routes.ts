import type { Routes } from "../boxes/bare-main.ts";

const text = (maxLength: number) => ({ type: "string", minLength: 1, maxLength });
const message = text(1024);
const challenge = { deviceId: text(64), clientFirst: message };

/** What a node takes and answers in both steps, as long as it is there; nothing is computed. */
export const routes: Routes = (app) => {
  const body = (properties: object) => ({
    schema: { body: { type: "object", required: Object.keys(properties), additionalProperties: false, properties } },
  });
  app.post("/v1/authenticate/challenge", body(challenge), async () => CHALLENGE_ANSWER);
  app.post("/v1/authenticate", body({ ...challenge, clientFinal: message }), async () => ADMISSION_ANSWER);
};

const NONCE = "a".repeat(24 + 56);
const CHALLENGE_ANSWER = { serverFirst: `r=${NONCE},s=${"a".repeat(24)},i=4096` };
const ADMISSION_ANSWER = {
  serverFinal: `v=${"a".repeat(44)}`,
  accessToken: "a".repeat(250),
  tokenType: "Bearer",
  expiresIn: 3600,
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
