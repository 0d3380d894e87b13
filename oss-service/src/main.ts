import { runService } from "@aaa-cluster/service-kit";
import { startOssService } from "./service.ts";

await runService(() => startOssService(process.env));
