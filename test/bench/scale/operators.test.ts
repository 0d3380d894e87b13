import { expect, test } from "@jest/globals";
import { imageVariables } from "./operators.ts";

test("every variable of the chart that names an image gets one", () => {
  const deployment = `
            - name: IMAGE_RABBITMQ
              value: {{ .Values.images.rabbitmq | quote }}
            - name: LOG_LEVEL
              value: info
            - name: IMAGE_HAPROXY
`;
  expect(imageVariables(deployment)).toEqual({ IMAGE_RABBITMQ: "image:1", IMAGE_HAPROXY: "image:1" });
});
