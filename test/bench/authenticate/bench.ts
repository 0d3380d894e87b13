import { rounded } from "../../lib/statistics.ts";
import { step } from "../../lib/steps.ts";
import { startBare } from "../boxes/bare.ts";
import { compare, named, printTable } from "../boxes/compare.ts";
import type { Figures } from "../boxes/measure.ts";
import { prepareNode } from "../boxes/prepare.ts";
import { startFreeradius } from "../radius/freeradius.ts";
import { REQUESTS } from "./bare-routes.ts";
import { admissions } from "./ours.ts";

const POPULATION = Number(process.env.POPULATION ?? 100_000);
const SECONDS = Number(process.env.SECONDS ?? 8);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const LANES = Number(process.env.LANES ?? 64);
const WARM_UP_SECONDS = Math.min(5, SECONDS);

/**
 * Boxes that a node admits, by both steps of SCRAM-SHA-256 over HTTP, with 100,000 subscribers in its database; beside a
 * bare fastify with the same routes and constant answers, and FreeRADIUS (PAP) with the same population in PostgreSQL and in
 * its users file; and those that it admits again by the refresh token that they kept, in one request (`refreshed`). With PostgreSQL it is measured twice: with the least that it has to do, one indexed query, and with all that
 * Debian's configuration does (`packaged`: three queries, and modules for other ways to prove a password). Each has one core, with its database; the load is sent from the other. They are measured in turns, and the
 * node and fastify have processes of their own for each round, as some are slower than others for all of their lives.
 *
 * The ratios are of boxes admitted in a CPU second of the service and its database. SCRAM proves both sides to each other
 * and keeps the password from the wire and the disk, which PAP does not; the box's half of it is work of the load. A refresh
 * token proves that it did so within the last day, and that its password and its device are the same since.
 * POPULATION, SECONDS (of a round), ROUNDS and LANES (admissions under way at a time) change the size.
 */
export async function bench(): Promise<object> {
  await using owned = new AsyncDisposableStack();
  const node = await prepareNode(owned, POPULATION);
  const admitting = await step("Admit every box", () => admissions(node, POPULATION, LANES));
  const subjects = {
    ours: owned.use(admitting.ours),
    refreshed: owned.use(admitting.refreshed),
    fastify: owned.use(await startBare(new URL("./bare-routes.ts", import.meta.url).pathname, REQUESTS)),
    freeradius_sql: owned.use(
      await step("Start FreeRADIUS with PostgreSQL", () => startFreeradius({ backend: "sql", population: POPULATION })),
    ),
    freeradius_packaged: owned.use(
      await step("Start FreeRADIUS with PostgreSQL as packaged", () =>
        startFreeradius({ backend: "packaged-sql", population: POPULATION }),
      ),
    ),
    freeradius_files: owned.use(
      await step("Start FreeRADIUS with a users file", () =>
        startFreeradius({ backend: "files", population: POPULATION }),
      ),
    ),
  };
  const figures = await compare(subjects, {
    lanes: LANES,
    seconds: SECONDS,
    population: POPULATION,
    rounds: ROUNDS,
    warmUpSeconds: WARM_UP_SECONDS,
  });
  printTable("boxes admitted", subjects, figures);
  const { ours, refreshed, ...peers } = figures;
  return {
    ...ratios(ours, peers, "per_cpu_s", (peer) => `ratio_to_${peer}`),
    ...ratios(ours, peers, "per_service_cpu_s", (peer) => `ratio_to_${peer}_without_database`),
    ...ratios(refreshed, peers, "per_cpu_s", (peer) => `refreshed_ratio_to_${peer}`),
    ...named(figures),
    population: POPULATION,
    lanes: LANES,
  };
}

/** How many times as many boxes ours admits in a CPU second as each peer. */
function ratios(
  ours: Figures,
  peers: Readonly<Record<string, Figures>>,
  per: "per_cpu_s" | "per_service_cpu_s",
  nameOf: (peer: string) => string,
): object {
  const entries = Object.entries(peers).map(([peer, figures]) => [nameOf(peer), rounded(ours[per] / figures[per])]);
  return Object.fromEntries(entries);
}
