import { deepEqual, equal } from "node:assert/strict";
import { capturedSys } from "../../tests/support/plan_inputs.ts";
import { describeHierarchies } from "./describe_host.ts";

const ROWS: readonly { host: string; mounted: string[]; unmounted: string[] }[] = [
  {
    host: "v1",
    mounted: [
      "blkio",
      "cpu,cpuacct",
      "cpuset",
      "devices",
      "freezer",
      "hugetlb",
      "memory",
      "misc",
      "name=systemd",
      "net_cls,net_prio",
      "perf_event",
      "pids",
      "rdma",
    ],
    unmounted: [""],
  },
  { host: "v2", mounted: [""], unmounted: [] },
  {
    host: "mixed",
    mounted: ["", "blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "name=systemd", "pids"],
    unmounted: [],
  },
];

Deno.test("describeHierarchies() reads captured hosts", async (t) => {
  for (const { host, mounted, unmounted } of ROWS) {
    await t.step(host, () => {
      const found = describeHierarchies(capturedSys(host));
      deepEqual(found.filter(({ mount }) => mount !== undefined).map(({ name }) => name), mounted);
      deepEqual(found.filter(({ mount }) => mount === undefined).map(({ name }) => name), unmounted);
    });
  }
});

Deno.test("describeHierarchies() keeps the options of the superblock and our own path", () => {
  const [unified] = describeHierarchies(capturedSys("v2"));
  deepEqual(unified?.mount?.superOptions, ["nsdelegate", "memory_recursiveprot"]);
  equal(describeHierarchies(capturedSys("mixed")).find(({ name }) => name === "memory")?.ownPath, "/agent/1");
});
