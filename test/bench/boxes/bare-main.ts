import fastify, { type FastifyInstance } from "fastify";

/** What a module of routes for a bare fastify exports as `routes`. */
export type Routes = (app: FastifyInstance) => void;

// What fastify costs with the same routes and nothing behind them: `node bare-main.ts <module> <port>`.
const [module = "", port = ""] = process.argv.slice(2);
const { routes } = (await import(module)) as { readonly routes: Routes };
const app = fastify();
routes(app);
await app.listen({ host: "127.0.0.1", port: Number(port) });
