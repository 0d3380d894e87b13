import { expect, test } from "@jest/globals";
import { imageSettings } from "./programs.ts";

test("our program is run with the flags and the environment of the operator's image", () => {
  const dockerfile = `# The operator
FROM node:24
ENV NODE_ENV=production
ENV NODE_OPTIONS=--max-semi-space-size=4
ENTRYPOINT ["node", "--enable-source-maps", "--max-old-space-size=200", "/app/main.js"]
`;
  expect(imageSettings(dockerfile)).toEqual({
    flags: ["--enable-source-maps", "--max-old-space-size=200"],
    environment: { NODE_ENV: "production", NODE_OPTIONS: "--max-semi-space-size=4" },
  });
});
