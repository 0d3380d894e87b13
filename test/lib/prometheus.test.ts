import { expect, test } from "@jest/globals";
import { sumOf } from "./prometheus.ts";

const PAGE = `# HELP rest_client_requests_total Requests
# TYPE rest_client_requests_total counter
rest_client_requests_total{code="200",host="127.0.0.1:1",method="GET"} 3
rest_client_requests_total{code="<error>",host="a \\"quoted\\", {odd} host",method="GET"} 2
rest_client_requests_total{code="200",host="127.0.0.1:1",method="PUT"} 4e+00
process_open_fds 12
`;

test("samples are summed over the labels that are not named", () => {
  expect(sumOf(PAGE, "rest_client_requests_total")).toBe(9);
  expect(sumOf(PAGE, "rest_client_requests_total", { method: "GET" })).toBe(5);
  expect(sumOf(PAGE, "rest_client_requests_total", { method: "GET", code: "200" })).toBe(3);
  expect(sumOf(PAGE, "rest_client_requests_total", { host: 'a \\"quoted\\", {odd} host' })).toBe(2);
  expect(sumOf(PAGE, "process_open_fds")).toBe(12);
  expect(sumOf(PAGE, "no_such_metric")).toBe(0);
});
