import { runService } from "@aaa-cluster/service-kit";
import { startNodeService } from "./service.ts";

await runService(() => startNodeService(process.env));
