import { deepEqual as assertEquals } from "node:assert/strict";
import type { FileLock } from "../../model/contents.ts";
import { eventFile, planSmallTree, tableOf } from "../../../tests/support/small_contents.ts";
import type { DescriptorAction } from "./descriptor_action.ts";
import { planLocks } from "./plan_locks.ts";

const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const O_RDONLY = 0;
const O_WRONLY = 1;

const LOCK: FileLock = {
  kind: "posix",
  type: F_WRLCK,
  isBreaking: false,
  isMandatory: false,
  pid: 77,
  fd: 5,
  start: 10n,
  length: 5n,
};
const LEASE: FileLock = { ...LOCK, kind: "lease", start: 0n, length: 0n };

const ROWS: readonly [name: string, lock: FileLock, action: Partial<DescriptorAction>, line: string][] = [
  ["a record", LOCK, { kind: "lock", of: "posix", start: 10n, length: 5n }, "POSIX ADVISORY WRITE 10 14"],
  ["to the end", { ...LOCK, length: 0n, type: F_RDLCK }, { type: F_RDLCK }, "POSIX ADVISORY READ 10 EOF"],
  ["of an open file", { ...LOCK, kind: "ofd" }, { of: "ofd" }, "OFDLCK ADVISORY WRITE 10 14"],
  ["of flock", { ...LOCK, kind: "flock", start: 0n, length: 0n }, { of: "flock" }, "FLOCK ADVISORY WRITE 0 EOF"],
  ["a lease", LEASE, { kind: "lease", type: F_WRLCK }, "LEASE ACTIVE WRITE 0 EOF"],
  [
    "a lease to be given up",
    { ...LEASE, isBreaking: true, type: F_UNLCK },
    { kind: "lease", type: F_WRLCK, breakBy: O_WRONLY },
    "LEASE BREAKING * 0 EOF",
  ],
  [
    "a lease to be made one for reading",
    { ...LEASE, isBreaking: true, type: F_RDLCK },
    { kind: "lease", type: F_WRLCK, breakBy: O_RDONLY },
    "LEASE BREAKING * 0 EOF",
  ],
];

Deno.test("planLocks() plans", async (t) => {
  for (const [name, lock, action, line] of ROWS) {
    await t.step(name, () => {
      const planner = planSmallTree({ files: [eventFile(4)], tasks: { 77: { 5: 4 } }, locks: [lock] });
      const expected = planLocks(planner);
      assertEquals(planner.problems, []);
      const [found] = planner.actions.get(tableOf(77)) ?? [];
      assertEquals({ ...found, ...action, fd: 5 }, found);
      assertEquals(expected.get(tableOf(77)), [{ fd: 5, line }]);
    });
  }
});

Deno.test("planLocks() takes a lease of a file that can only be read for one for reading", () => {
  const lock: FileLock = { ...LEASE, isBreaking: true, type: F_UNLCK };
  const file = { ...eventFile(4), flags: O_RDONLY } as ReturnType<typeof eventFile>;
  const planner = planSmallTree({ files: [file], tasks: { 77: { 5: 4 } }, locks: [lock] });
  planLocks(planner);
  assertEquals(planner.actions.get(tableOf(77)), [{ kind: "lease", fd: 5, type: F_RDLCK, breakBy: O_WRONLY }]);
});

Deno.test("planLocks() refuses mandatory locks", () => {
  const lock: FileLock = { ...LOCK, kind: "flock", isMandatory: true };
  const planner = planSmallTree({ files: [eventFile(4)], tasks: { 77: { 5: 4 } }, locks: [lock] });
  planLocks(planner);
  const what = "a mandatory flock (LOCK_MAND) cannot be restored";
  assertEquals(planner.problems, [{ where: "task 77, descriptor 5", what }]);
});
