import { expect, test } from "@jest/globals";
import { imageSettings } from "./settings.ts";

test("Node's flags and the environment are those of the image", () => {
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
