import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import {
  ghostFile,
  pathFile,
  plannerOf,
  type PlannerParts,
  problemsOf,
  REGULAR,
} from "../../../../tests/support/plan_files.ts";
import { smallContents } from "../../../../tests/support/small_contents.ts";
import type { PathFile } from "../../../model/files/path_file.ts";
import type { ExpectedFile } from "../expected_file.ts";
import type { FileStep } from "../file_step.ts";
import { MountPlaces } from "../namespaces/mount_places.ts";
import { planPath, planPathUse } from "./plan_path.ts";

const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_NOCTTY = 0o400;
const O_TRUNC = 0o1000;
const O_DIRECTORY = 0o200000;
const O_PATH = 0o10000000;
const O_TMPFILE = 0o20000000 | O_DIRECTORY;

interface Row {
  readonly name: string;
  readonly file?: Partial<PathFile>;
  readonly parts?: PlannerParts;
  readonly steps?: Partial<Record<"early" | "helped" | "late", FileStep[]>>;
  readonly expected?: ExpectedFile;
  readonly problem?: string;
}

const OPEN = { kind: "open-path", handle: 0, what: "/dir/file", path: "/dir/file" } as const;

const ROWS: readonly Row[] = [
  {
    name: "flags that act on the file are left away",
    file: { flags: O_WRONLY | O_CREAT | O_TRUNC, position: 2n ** 60n },
    parts: { host: { "/dir/file": REGULAR } },
    steps: { late: [{ ...OPEN, flags: O_WRONLY | O_NOCTTY, position: 2n ** 60n }] },
    expected: { link: "/dir/file", flags: O_WRONLY, position: 2n ** 60n },
  },
  {
    name: "O_TMPFILE of a file that has a name by now",
    file: { flags: O_WRONLY | O_TMPFILE },
    parts: { host: { "/dir/file": REGULAR } },
    steps: { late: [{ ...OPEN, flags: O_WRONLY | O_NOCTTY, position: 0n }] },
    expected: { link: "/dir/file", flags: O_WRONLY, position: 0n },
  },
  {
    name: "a file that is linked elsewhere, in a directory that is gone",
    file: { remap: { kind: "linked", path: "/link_remap.3" } },
    parts: { host: { "/link_remap.3": REGULAR } },
    steps: {
      late: [{
        kind: "open-linked",
        ...{ handle: 0, what: "/dir/file", flags: O_NOCTTY, position: 0n, link: "/link_remap.3" },
        name: { path: "/dir/file", parents: ["/dir"] },
      }],
    },
    expected: { link: "/dir/file (deleted)", flags: 0, position: 0n },
  },
  {
    name: "a file of a task",
    file: { path: "/proc/77/status" },
    steps: { late: [{ ...OPEN, what: "/proc/77/status", path: "/proc/77/status", flags: O_NOCTTY, position: 0n }] },
    expected: { link: "/proc/77/status", flags: 0, position: 0n },
  },
  {
    name: "the directory of a task that has ended",
    file: { path: "/proc/66", remap: { kind: "dead-task", pid: 66 } },
    steps: { helped: [{ ...OPEN, what: "/proc/66", path: "/proc/66", flags: O_NOCTTY, position: 0n }] },
    expected: { link: "/proc/66 (deleted)", flags: 0, position: 0n },
  },
  {
    name: "a file of a task that has ended",
    file: { path: "/proc/66/maps", remap: { kind: "dead-task", pid: 66 } },
    steps: { helped: [{ ...OPEN, what: "/proc/66/maps", path: "/proc/66/maps", flags: O_NOCTTY, position: 0n }] },
    expected: { link: "/proc/66/maps", flags: 0, position: 0n },
  },
  {
    name: "a task that has ended, and whose pid is another's",
    file: { path: "/proc/77/maps", remap: { kind: "dead-task", pid: 77 } },
    problem: 'holder, "/proc/77/maps": its task has ended, and another one has the pid 77 now',
  },
  {
    name: "an open file of a task in /proc",
    file: { path: "/proc/77/fd/5" },
    problem: 'holder, "/proc/77/fd/5": the files of task 77 are there only after this would have to be opened',
  },
  { name: "no such file", problem: 'holder, "/dir/file": there is no such file here' },
  {
    name: "no other link",
    file: { remap: { kind: "linked", path: "/link_remap.3" } },
    problem: 'holder, "/dir/file", linked as "/link_remap.3": there is no such file here',
  },
];

Deno.test("planPath()", async (t) => {
  for (const { name, file, parts, steps = {}, expected, problem } of ROWS) {
    await t.step(name, () => {
      const one = pathFile(file);
      const planner = plannerOf([one], parts);
      const handle = planPath(planner, one, "holder");
      assertEquals(problemsOf(planner), problem === undefined ? [] : [problem]);
      assertEqual(handle, problem === undefined ? 0 : undefined);
      const { early, helped, late } = planner;
      assertEquals({ early, helped, late }, { early: [], helped: [], late: [], ...steps });
      assertEquals(planner.expected.get(0), expected);
    });
  }
});

Deno.test("planPath() opens settings in the net namespace of a task that has them", () => {
  const rows: readonly (readonly [path: string, file: number, network: number | undefined])[] = [
    ["/proc/sys/net/ipv4/conf/lo/tag", 1, undefined],
    ["/proc/sys/net/ipv4/conf/lo/tag", 2, 1],
    ["/proc/sys/vm/swappiness", 2, undefined],
  ];
  for (const [path, id, network] of rows) {
    const contents = {
      ...smallContents({ tasks: { 77: { 3: 1 }, 78: { 3: 2 } } }),
      namespaces: { netNamespaces: new Map([[78, 1]]) },
    };
    const one = pathFile({ id, path });
    const planner = plannerOf([one], { contents, host: { [path]: REGULAR } });
    planPath(planner, one, "holder");
    assertEquals(planner.late.map((step) => step.network), [network]);
  }
});

Deno.test("planPathUse() opens a file once for all uses with the same flags", () => {
  const one = pathFile();
  const planner = plannerOf([one, pathFile({ id: 2 })], { host: { "/dir/file": REGULAR } });
  const uses = [0, 2, 0].map((openFlags) => planPathUse(planner, one, { openFlags, holder: "holder" }));
  assertEquals(uses, [0, 1, 0]);
  assertEqual(planPathUse(planner, pathFile({ id: 2 }), { openFlags: 2, holder: "holder" }), 1);
  assertEquals(planner.early.length, 2);
});

Deno.test("planPathUse() keeps files without a name apart from files that have it", () => {
  const one = pathFile();
  const ghost = pathFile({ id: 2, remap: { kind: "ghost", ghost: ghostFile() } });
  const other = pathFile({ id: 3, remap: { kind: "ghost", ghost: ghostFile({ id: 6 }) } });
  const planner = plannerOf([one, ghost, other], { host: { "/dir/file": REGULAR } });
  const uses = [one, ghost, other].map((file) => planPathUse(planner, file, { openFlags: 0, holder: "holder" }));
  assertEquals(uses, [0, 1, 2]);
});

Deno.test("planPathUse() refuses the directory of a task that has ended where tasks have mounts of their own", () => {
  const one = pathFile({ path: "/proc/66", remap: { kind: "dead-task", pid: 66 } });
  const places = new MountPlaces([ROOT_MOUNT], { external: [], takesDetected: false });
  for (const [options, problems] of [[{}, 0], [{ places }, 1]] as const) {
    const planner = plannerOf([one], { options });
    planPathUse(planner, one, { openFlags: 0, holder: "holder" });
    assertEqual(planner.problems.length, problems);
  }
});

Deno.test("planPathUse() opens a directory of a task when the task is there", () => {
  const one = pathFile({ path: "/proc/77/task" });
  const planner = plannerOf([one]);
  planPathUse(planner, one, { openFlags: O_PATH | O_DIRECTORY, holder: "holder" });
  assertEquals([planner.early.length, planner.late.length], [0, 1]);
});
