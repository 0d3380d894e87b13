import { expect, test } from "@jest/globals";
import { quantileBetween, sumOf } from "./prometheus.ts";

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

const histogram = (...counts: readonly number[]): string =>
  ["0.001", "0.002", "0.004", "+Inf"]
    .map((le, index) => `h_bucket{le="${le}"} ${counts[index]}\n`)
    .concat(`h_count ${counts.at(-1)}\n`)
    .join("");

test("a quantile is of what came between two scrapes, evenly spread in its bucket", () => {
  const before = histogram(100, 100, 100, 100);
  expect(quantileBetween(before, histogram(100, 110, 120, 120), "h", 0.5)).toBeCloseTo(0.002);
  expect(quantileBetween(before, histogram(100, 110, 120, 120), "h", 0.75)).toBeCloseTo(0.003);
  expect(quantileBetween(before, histogram(104, 104, 104, 104), "h", 0.5)).toBeCloseTo(0.0005);
  expect(quantileBetween("", histogram(0, 0, 4, 4), "h", 0.25)).toBeCloseTo(0.0025);
});

test("there is no quantile of nothing, nor one above the last bound", () => {
  expect(quantileBetween("", "", "h", 0.5)).toBeNaN();
  expect(quantileBetween(histogram(1, 1, 1, 1), histogram(1, 1, 1, 1), "h", 0.5)).toBeNaN();
  expect(quantileBetween("", histogram(0, 0, 0, 4), "h", 0.5)).toBeNaN();
});
