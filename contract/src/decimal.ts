import Type from "typebox";

/** A 64-bit number on the wire: a decimal string, because a JSON number loses precision above 2^53. */
export const Decimal = Type.String({ pattern: "^(0|[1-9][0-9]{0,17})$" });

export const Identifier = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}$" });

/** A content digest: 64 bits as hexadecimal digits. */
export const Digest = Type.String({ pattern: "^[0-9a-f]{16}$" });

export const Timestamp = Type.String({ format: "date-time" });
