import { expect, test } from "@jest/globals";
import { missingMetrics } from "./metrics.ts";

const PAGE = `# HELP rest_client_requests_total Requests
# TYPE rest_client_requests_total counter
rest_client_requests_total{code="200",host="127.0.0.1:1",method="GET"} 3
rest_client_requests_total{code="<error>",host="a \\"quoted\\", {odd} host",method="GET"} 2
rest_client_requests_total{code="200",host="127.0.0.1:1",method="PUT"} 4e+00
workqueue_queue_duration_seconds_bucket{controller="bench",name="bench",le="1e-08"} 0
workqueue_queue_duration_seconds_sum{controller="bench",name="bench"} 0.5
process_open_fds 12
controller_runtime_webhook_panics_total 0
`;

test("a metric is missing when its name is, or when it has other labels, in whatever order", () => {
  const same = PAGE.replace('controller="bench",name="bench",le="1e-08"', 'le="1",name="b",controller="b"');
  expect(missingMetrics(PAGE, same)).toEqual([]);
  expect(missingMetrics(PAGE, PAGE.replaceAll('code="200",', "").replaceAll('code="<error>",', ""))).toEqual([
    "rest_client_requests_total{code,host,method}",
  ]);
  expect(missingMetrics(PAGE, "")).toEqual([
    "rest_client_requests_total{code,host,method}",
    "workqueue_queue_duration_seconds_bucket{controller,le,name}",
    "workqueue_queue_duration_seconds_sum{controller,name}",
  ]);
});

test("what only webhooks, Go or the process have is not asked for", () => {
  expect(missingMetrics("process_open_fds 1\ngo_threads 2\ncontroller_runtime_webhook_panics_total 0\n", "")).toEqual(
    [],
  );
});
