import { Identifier, MacAddress } from "@aaa-cluster/contract";
import Type from "typebox";
import { AccessToken } from "../signing-keys.ts";

const strict = { additionalProperties: false };
const ScramMessage = Type.String({ minLength: 1, maxLength: 1024 });
const Seconds = Type.Integer({ minimum: 1 });

export const ChallengeRequest = Type.Object({ deviceId: Identifier, clientFirst: ScramMessage }, strict);
export type ChallengeRequest = Type.Static<typeof ChallengeRequest>;

export const Challenge = Type.Object({ serverFirst: Type.String() });
export type Challenge = Type.Static<typeof Challenge>;

export const AuthenticateRequest = Type.Object(
  {
    deviceId: Identifier,
    macAddress: Type.Optional(MacAddress),
    clientFirst: ScramMessage,
    clientFinal: ScramMessage,
  },
  strict,
);
export type AuthenticateRequest = Type.Static<typeof AuthenticateRequest>;

export const RefreshRequest = Type.Object({ refreshToken: AccessToken }, strict);
export type RefreshRequest = Type.Static<typeof RefreshRequest>;

/** Times are in seconds from now. */
export const AccessGrant = Type.Object({
  accessToken: Type.String(),
  tokenType: Type.Literal("Bearer"),
  expiresIn: Seconds,
});
export type AccessGrant = Type.Static<typeof AccessGrant>;

export const Admission = Type.Object({
  serverFinal: Type.String(),
  ...AccessGrant.properties,
  refreshToken: Type.String(),
  refreshExpiresIn: Seconds,
});
export type Admission = Type.Static<typeof Admission>;
