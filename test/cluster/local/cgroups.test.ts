import { describe, expect, test } from "@jest/globals";
import { controllersOf, hierarchiesOf } from "./cgroups.ts";

const V1 = `tmpfs /sys/fs/cgroup tmpfs rw,relatime 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup ro,relatime,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
`;
const V2 = `proc /proc proc rw 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0
`;

describe("control groups", () => {
  test("of v1 are made once for each controller, and in the hierarchy of v2 beside it", () => {
    expect(hierarchiesOf(V1)).toEqual([
      "/sys/fs/cgroup/cpu,cpuacct",
      "/sys/fs/cgroup/memory",
      "/sys/fs/cgroup/unified",
    ]);
  });

  test("of v2 are made once", () => {
    expect(hierarchiesOf(V2)).toEqual(["/sys/fs/cgroup"]);
  });

  test("of v1 offer the controllers that are mounted writable", () => {
    expect(controllersOf(V1)).toEqual(expect.arrayContaining(["cpu", "cpuacct"]));
    expect(controllersOf(V1)).not.toContain("memory");
  });
});
