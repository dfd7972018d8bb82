import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import {
  ghostFile,
  pathFile,
  plannerOf,
  type PlannerParts,
  problemsOf,
  REGULAR,
} from "../../../../tests/support/plan_files.ts";
import type { GhostFile, PathFile } from "../../../model/files/path_file.ts";
import { MountPlaces } from "../namespaces/mount_places.ts";
import { type GhostStep, planGhosts } from "./plan_ghost.ts";
import { planPath, planPathUse } from "./plan_path.ts";

const O_DIRECTORY = 0o200000;
const __O_TMPFILE = 0o20000000;

/** A step in few words: `names (parents) <- handles [inside]`. */
function describe({ names, openings, inside }: GhostStep): string {
  const made = names.map(({ path, parents }) => parents.length === 0 ? path : `${path} (${parents.join(" ")})`);
  const opened = openings.map(({ handle, path }) => names.length === 1 ? `${handle}` : `${handle} by ${path}`);
  const within = inside.length === 0 ? "" : ` [${inside.map(describe).join(", ")}]`;
  return `${made.join(", ")} <- ${opened.join(" ")}${within}`;
}

function ghost(path: string, part: Partial<PathFile> & { readonly ghost?: Partial<GhostFile> } = {}): PathFile {
  const { ghost: file, ...rest } = part;
  return pathFile({ path, remap: { kind: "ghost", ghost: ghostFile(file) }, ...rest });
}

const DIRECTORY_MODE = 0o040755;

interface Row {
  readonly name: string;
  readonly files: readonly PathFile[];
  readonly host?: PlannerParts["host"];
  readonly steps?: readonly string[];
  readonly links?: readonly string[];
  readonly problem?: string;
}

const ROWS: readonly Row[] = [
  {
    name: "several openings of one",
    files: [ghost("/dir/file"), ghost("/dir/file", { id: 2 })],
    host: { "/dir": undefined },
    steps: ["/dir/file <- 0 1"],
    links: ["/dir/file (deleted)", "/dir/file (deleted)"],
  },
  {
    name: "several names of one, and directories that are missing",
    files: [ghost("/dir/file"), ghost("/dir/a/b/other", { id: 2 })],
    host: { "/dir": undefined },
    steps: ["/dir/file, /dir/a/b/other (/dir/a /dir/a/b) <- 0 by /dir/file 1 by /dir/a/b/other"],
    links: ["/dir/file (deleted)", "/dir/a/b/other (deleted)"],
  },
  {
    name: "two of one name",
    files: [ghost("/file"), ghost("/file", { id: 2, ghost: { id: 6 } })],
    steps: ["/file <- 0", "/file <- 1"],
  },
  {
    name: "a name that is taken",
    files: [ghost("/file")],
    host: { "/file": REGULAR },
    steps: ["/file.cr_link <- 0"],
    links: ["/file.cr_link (deleted)"],
  },
  {
    name: "both names are taken",
    files: [ghost("/file")],
    host: { "/file": REGULAR, "/file.cr_link": REGULAR },
    problem: 'holder, "/file": its name is taken here, and so is "/file.cr_link": remove that',
  },
  {
    name: "a directory above is none",
    files: [ghost("/dir/a/file")],
    host: { "/dir": REGULAR },
    problem: 'holder, "/dir/a/file": "/dir" is no directory here',
  },
  {
    name: "what was in directories that are gone",
    files: [
      ghost("/outer/inner/file"),
      ghost("/outer", { id: 2, ghost: { id: 6, mode: DIRECTORY_MODE } }),
      ghost("/outer/x/inner", { id: 3, ghost: { id: 7, mode: DIRECTORY_MODE } }),
      ghost("/outer/x/inner/file", { id: 4, ghost: { id: 8 } }),
      ghost("/outerwear", { id: 5, ghost: { id: 9 } }),
    ],
    steps: [
      "/outer <- 1 [/outer/inner/file (/outer/inner) <- 0, /outer/x/inner (/outer/x) <- 2 [/outer/x/inner/file <- 3]]",
      "/outerwear <- 4",
    ],
  },
  {
    name: "a hard link outside of a directory that is gone",
    files: [
      ghost("/dir", { ghost: { mode: DIRECTORY_MODE } }),
      ghost("/dir/file", { id: 2, ghost: { id: 6 } }),
      ghost("/file", { id: 3, ghost: { id: 6 } }),
    ],
    steps: ["/dir <- 0", "/dir/file (/dir), /file <- 1 by /dir/file 2 by /file"],
  },
  {
    name: "a file that never had a name",
    files: [ghost("/dir/#7"), ghost("/dir/#7", { id: 2, flags: __O_TMPFILE | O_DIRECTORY | 2 })],
    host: { "/dir": undefined },
    steps: ["/dir/#7 <- 1 0"],
    links: ["/dir/#*", "/dir/#*"],
  },
  {
    name: "a socket",
    files: [ghost("/socket", { ghost: { mode: 0o140755 } })],
    problem: 'holder, "/socket": a socket without a name cannot be opened',
  },
];

Deno.test("planGhosts()", async (t) => {
  for (const { name, files, host = {}, steps = [], links, problem } of ROWS) {
    await t.step(name, () => {
      const planner = plannerOf(files, { host });
      for (const file of files) planPath(planner, file, "holder");
      assertEquals(planGhosts(planner).map(describe), steps);
      assertEquals(problemsOf(planner), problem === undefined ? [] : [problem]);
      if (links === undefined) return;
      const found = [...planner.expected.values()].map(({ link, isPrefix }) => isPrefix ? `${link}*` : link);
      assertEquals(found, links);
    });
  }
});

Deno.test("planGhosts() opens a file for descriptors and mappings alike", () => {
  const file = ghost("/file", { flags: 2 });
  const planner = plannerOf([file]);
  assertEqual(planPathUse(planner, file, { openFlags: 0, holder: "holder" }), 0);
  assertEqual(planPath(planner, file, "holder"), 1);
  assertEquals(planGhosts(planner).map(describe), ["/file <- 0 1"]);
  assertEquals(planner.early, []);
});

Deno.test("planGhosts() tells of which mount namespace names are, and which others see them", () => {
  const mounts = [
    ROOT_MOUNT,
    aMount({ id: 2, mountPoint: "/m", type: "" }),
    aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
    aMount({ id: 11, mountPoint: "/part", namespace: 1, parent: 10, device: 1, root: "/dir", type: "" }),
  ];
  const places = new MountPlaces(mounts, { external: [], takesDetected: false });
  const files = [
    ghost("/dir/gone", { id: 1, mount: 10 }),
    ghost("/dir/gone", { id: 2, mount: 1 }),
    ghost("/part/gone", { id: 3, mount: 11 }),
    ghost("/m/gone", { id: 4, mount: 2 }),
  ];
  const planner = plannerOf(files, { options: { places } });
  for (const file of files) planPath(planner, file, `task 77, descriptor ${file.id}`);
  const steps = planGhosts(planner);
  assertEquals(steps.map(({ mountNamespace, names }) => [mountNamespace, names.map(({ path }) => path)]), [
    [1, ["/dir/gone", "/part/gone"]],
  ]);
  assertEquals(steps[0]?.openings.map(({ path, seenIn }) => [path, seenIn]), [
    ["/dir/gone", undefined],
    ["/dir/gone", 0],
    ["/part/gone", undefined],
  ]);
  const what = "it has no name, and is open in several mnt namespaces that do not see the same one";
  assertEquals(problemsOf(planner), [`task 77, descriptor 4, "/m/gone": ${what}`]);
});

Deno.test("planGhosts() does not make directories that may be on an overlay", () => {
  const overlay = aMount({
    id: 2,
    mountPoint: "/m",
    type: "overlay",
    options: "lowerdir=/low,upperdir=/up,workdir=/work",
  });
  const places = new MountPlaces([ROOT_MOUNT, overlay], { external: [], takesDetected: false });
  const host = { "layer /up": undefined, "layer /up/x": undefined, "layer /low": undefined };
  const file = ghost("/m/x/y/gone", { mount: 2 });
  const planner = plannerOf([file], { host, options: { places } });
  planPath(planner, file, "holder");
  assertEquals(planGhosts(planner).map(describe), ["/m/x/y/gone <- 0"]);
  assertEquals(problemsOf(planner), []);
});
