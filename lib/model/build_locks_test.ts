import { deepEqual as assertEquals } from "node:assert/strict";
import type { Problem } from "../errors.ts";
import type { FileLockEntry } from "../gen/file_lock.ts";
import { eventFile, smallContents } from "../../tests/support/small_contents.ts";
import { buildLocks } from "./build_locks.ts";
import type { FileLock } from "./contents.ts";

const ENTRY: FileLockEntry = { flag: 1, type: 1, pid: 77, fd: 5, start: 0n, len: 0n };
const CONTENTS = smallContents({ files: [eventFile(4)], tasks: { 77: { 5: 4 } } });

function build(changes: Partial<FileLockEntry>): { locks: FileLock[]; problems: Problem[] } {
  const problems: Problem[] = [];
  return { locks: buildLocks([{ ...ENTRY, ...changes }], { ...CONTENTS, problems }), problems };
}

const KINDS: readonly [name: string, entry: Partial<FileLockEntry>, lock: Partial<FileLock>][] = [
  ["a record lock", { start: 2n ** 62n, len: 7n }, { kind: "posix", type: 1, start: 2n ** 62n, length: 7n }],
  ["flock(2)", { flag: 2, type: 0 }, { kind: "flock", type: 0, isMandatory: false }],
  ["mandatory flock(2)", { flag: 2, type: 32 | 64 }, { kind: "flock", isMandatory: true }],
  ["a lock of an open file", { flag: 4 }, { kind: "ofd" }],
  ["a lease", { flag: 8 }, { kind: "lease", type: 1, isBreaking: false }],
  ["a lease that is to be given up", { flag: 8, type: 4 | 2 }, { kind: "lease", type: 2, isBreaking: true }],
  ["a lease that is to be one for reading", { flag: 8, type: 4 }, { kind: "lease", type: 0, isBreaking: true }],
];

Deno.test("buildLocks() takes", async (t) => {
  for (const [name, entry, lock] of KINDS) {
    await t.step(name, () => {
      const { locks: [found], problems } = build(entry);
      assertEquals(problems, []);
      assertEquals({ ...found, ...lock }, found);
    });
  }
});

const DAMAGES: readonly [name: string, entry: Partial<FileLockEntry>, what: string][] = [
  ["an unknown kind", { flag: 3 }, "the kind 3 is unknown"],
  ["an unknown type", { type: 2 }, "the type 2 is unknown"],
  ["a lease that is asked up", { flag: 8, type: 4 | 1 }, "the type 1 is unknown"],
  ["a range that begins before the file", { start: -1n }, "its range begins at -1 and has 0 bytes"],
  ["a task that is not there", { pid: 78 }, "there is no live task 78"],
  ["a descriptor that is not there", { fd: 6 }, "task 77 has no descriptor 6"],
];

Deno.test("buildLocks() tells", async (t) => {
  for (const [name, entry, what] of DAMAGES) {
    await t.step(name, () => assertEquals(build(entry).problems, [{ where: "filelocks.img, entry 0", what }]));
  }
});
