import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { aMapping, aRun, aSpace } from "../../../../tests/support/build_space.ts";
import type { Problem } from "../../../errors.ts";
import type { AddressSpace, Segment } from "../../../model/address_space.ts";
import type { TaskState } from "../../../model/task_state.ts";
import { checkHugePages, hugePageSize } from "./huge_pages.ts";

const MIB = 2 ** 20;
const MAP_NORESERVE = 0x4000;
const HUGE_2_MIB = 0x4_0000 | 21 << 26;
const HUGE_1_GIB = 0x4_0000 | 30 << 26;
const START = 512 * MIB;

Deno.test("hugePageSize() reads the flags of mmap(2)", () => {
  assertEqual(hugePageSize(0x20), undefined);
  assertEqual(hugePageSize(0x4_0000), 0);
  assertEqual(hugePageSize(HUGE_2_MIB), 2 * MIB);
  assertEqual(hugePageSize(HUGE_1_GIB), 1024 * MIB);
});

/** Only memory is looked at. */
function tasksWith(...spaces: readonly AddressSpace[]): ReadonlyMap<number, Pick<TaskState, "memory">> {
  return new Map(spaces.map((memory, index) => [index + 1, { memory }]));
}

function problemsOf(
  contents: Parameters<typeof checkHugePages>[0],
  hugePages: ReadonlyMap<number, number>,
): string[] {
  const problems: Problem[] = [];
  checkHugePages(contents, { hugePages }, problems);
  return problems.map(({ what }) => what);
}

Deno.test("checkHugePages() counts what is reserved, and what is touched of the rest", () => {
  const reserved = aMapping(START, 3 * 512, { flags: HUGE_2_MIB });
  const loose = aMapping(2 * START, 100 * 512, { flags: HUGE_2_MIB | MAP_NORESERVE });
  const touched = [aRun(2 * START + 4 * MIB, 1), aRun(2 * START + 5 * MIB, 513)];
  const space = aSpace({ mappings: [reserved, loose, aMapping(3 * START, 512)], pages: touched });
  const segments = new Map<number, Segment>([[1, { size: 4 * MIB, flags: HUGE_2_MIB, pages: [] }]]);
  const contents = { tasks: tasksWith(space, aSpace({ mappings: [reserved] })), segments };
  // 3 for each task, 2 that are touched, and 2 of the segment.
  assertEquals(problemsOf(contents, new Map([[2 * MIB, 10]])), []);
  assertEquals(problemsOf(contents, new Map([[2 * MIB, 9]])), [
    "10 huge pages of 2 MiB are needed, and 9 can be had here: see vm.nr_hugepages",
  ]);
});

Deno.test("checkHugePages() tells of sizes that this kernel does not have", () => {
  const tasks = tasksWith(aSpace({ mappings: [aMapping(START, 512 * 512, { flags: HUGE_1_GIB })] }));
  assertEquals(problemsOf({ tasks, segments: new Map() }, new Map()), ["this kernel has no huge pages of 1024 MiB"]);
});
