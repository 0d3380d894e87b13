import type { ServerResponse } from "node:http";
import { type Ahead, checkerOf, type DescribeErrors } from "@aaa-cluster/service-kit";
import { BoxRequest } from "./box-request.ts";
import { Exchange, type ExchangeDeps, type Served } from "./exchange.ts";
import type { BoxRoutes } from "./route.ts";

export interface EndpointDeps extends ExchangeDeps {
  readonly describeErrors: DescribeErrors;
}

/** Where boxes are answered, by Node's HTTP server alone: fastify, which serves all else, would take longer than most answers do. */
export class BoxEndpoint implements Ahead {
  readonly IncomingMessage = BoxRequest;
  readonly #deps: EndpointDeps;
  readonly #served: ReadonlyMap<string, Served>;

  constructor(deps: EndpointDeps, groups: readonly BoxRoutes[]) {
    this.#deps = deps;
    const served = groups.flatMap(({ routes, ...common }) =>
      routes.map((route) => ({ ...route, ...common, problemIn: checkerOf(route.body, deps.describeErrors) })),
    );
    this.#served = new Map(served.map((route) => [route.path, route]));
  }

  /** Takes a request of a box. Returns false for any other, which it leaves alone. */
  take(request: BoxRequest, response: ServerResponse): boolean {
    const route = request.method === "POST" ? this.#served.get(pathOf(request.url ?? "")) : undefined;
    if (route === undefined) return false;
    new Exchange(this.#deps, route, response).begin(request);
    return true;
  }
}

function pathOf(url: string): string {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}
