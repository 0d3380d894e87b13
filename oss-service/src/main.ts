import { runProgram } from "@aaa-cluster/service-kit";
import { startOssService } from "./service.ts";

await runProgram({
  start: startOssService,
  nameVariable: "INSTANCE",
  place: "select epoch, sequence from relay, stream",
});
