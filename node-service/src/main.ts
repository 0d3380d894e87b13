import { runProgram } from "@aaa-cluster/service-kit";
import { startNodeService } from "./service.ts";

await runProgram({
  start: startNodeService,
  nameVariable: "PARTITION",
  place: "select epoch, sequence from watermark",
});
