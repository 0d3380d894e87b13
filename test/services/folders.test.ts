import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { ownedFolder, removeAbandonedFolders, removeFolder } from "./folders.ts";

test("folders of processes that are gone are removed, those of living ones are kept", async () => {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const abandoned = await mkdtemp(join(tmpdir(), `aaa-service-${pid}-`));
  const ours = await ownedFolder();
  await removeAbandonedFolders();
  expect([existsSync(abandoned), existsSync(ours)]).toEqual([false, true]);
  await removeFolder(ours);
});
