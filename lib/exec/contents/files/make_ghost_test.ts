import { deepEqual as assertEquals } from "node:assert/strict";
import { ghostFile } from "../../../../tests/support/plan_files.ts";
import type { GhostFile } from "../../../model/files/path_file.ts";
import type { GhostStep } from "../../../plan/contents/files/plan_ghost.ts";
import { decodeText } from "../../../text.ts";
import { SYSCALLS_X86_64 } from "../../../tracee/syscalls_x86_64.ts";
import type { RemoteArgument, RemoteCall } from "../../../tracee/remote_call.ts";
import { LowestDescriptors } from "../remote.ts";
import type { FilesContext } from "./file_calls.ts";
import { makeGhost } from "./make_ghost.ts";

const BASE = 100;
const CONTEXT = {
  numbers: SYSCALLS_X86_64,
  base: BASE,
  hostPath: (path: string) => path,
  images: new Map(),
  mountNamespaces: [200, 201],
} as Partial<
  FilesContext
> as FilesContext;

/** The calls of a step: name, and those arguments that are descriptors, paths and counts. */
function callsOf(step: GhostStep): string[] {
  const lowest = new LowestDescriptors([]);
  const calls = makeGhost({ ...CONTEXT, lowest }, step);
  // Whatever is opened for a while is closed.
  assertEquals(lowest.peek(), 0);
  return calls.map(describe);
}

function describe({ purpose, arguments: args, expected, effect }: RemoteCall): string {
  const texts = args.map(describeArgument).filter((text) => text !== undefined);
  const result = expected === undefined ? [] : [`= ${expected}`];
  return [purpose.call, ...texts, ...result, ...effect === undefined ? [] : [`(${effect.kind})`]].join(" ");
}

function describeArgument(argument: RemoteArgument, index: number): string | undefined {
  if (argument instanceof Uint8Array && argument.at(-1) === 0 && argument[0] === 47) {
    return decodeText(argument.subarray(0, -1));
  }
  return index === 0 && typeof argument === "number" && argument >= 0 ? `${argument}` : undefined;
}

function step(part: Partial<GhostStep>, ghost: Partial<GhostFile> = {}): GhostStep {
  return {
    kind: "make-ghost",
    what: "/dir/file",
    ghost: ghostFile(ghost),
    names: [{ path: "/dir/file", parents: ["/dir"] }],
    openings: [{ handle: 0, flags: 0, path: "/dir/file" }],
    inside: [],
    ...part,
  };
}

Deno.test("makeGhost() opens a file also where another mount namespace sees it", () => {
  const openings = [{ handle: 0, flags: 0, path: "/dir/file" }, { handle: 1, flags: 0, path: "/part/file", seenIn: 1 }];
  const enter = (namespace: number) => ["openat = 1", `setns ${namespace}`, "fchdir 1", "close 1"];
  assertEquals(callsOf(step({ openings })).slice(2, 15), [
    ...["openat /dir/file = 1", "dup3 1", "close 1"],
    ...enter(201),
    ...["openat /part/file = 1", "dup3 1", "close 1"],
    ...enter(200).slice(0, 3),
  ]);
});

Deno.test("makeGhost() makes a regular file, which has names only until it is open", () => {
  const parts = [{ position: 4096, offset: 30, length: 7 }];
  const names = [{ path: "/dir/file", parents: ["/dir"] }, { path: "/other", parents: [] }];
  const openings = [{ handle: 0, flags: 2, position: 5n, path: "/dir/file" }, { handle: 1, flags: 0, path: "/other" }];
  const file = {
    size: 8192,
    content: { path: "/images/ghost", parts },
    accessTime: [1, 2],
    changeTime: [3, 4],
  } as const;
  assertEquals(callsOf(step({ names, openings }, file)), [
    "mkdirat /dir (makes-directory)",
    "openat /dir/file = 0 (makes-file)",
    "linkat /dir/file /other (makes-file)",
    ...["openat /dir/file = 1", "lseek 1", "dup3 1", "close 1"],
    ...["openat /other = 1", "dup3 1", "close 1"],
    "unlinkat /other (removes)",
    "unlinkat /dir/file (removes)",
    "unlinkat /dir (removes)",
    "ftruncate 0",
    ...["openat /images/ghost = 1", "lseek 0", "sendfile 0 = 7", "close 1"],
    ...["fchown 0", "fchmod 0", "utimensat 0", "close 0"],
  ]);
});

Deno.test("makeGhost() makes what was in a directory while that has its name", () => {
  const inner = step({ names: [{ path: "/dir/file", parents: [] }] });
  const outer = step({
    names: [{ path: "/dir", parents: [] }],
    openings: [{ handle: 1, flags: 0, path: "/dir" }],
    inside: [inner],
  }, { mode: 0o040700 });
  assertEquals(callsOf(outer), [
    "mkdirat /dir (makes-directory)",
    "openat /dir = 0",
    ...["openat /dir = 1", "dup3 1", "close 1"],
    "openat /dir/file = 1 (makes-file)",
    ...["openat /dir/file = 2", "dup3 2", "close 2"],
    "unlinkat /dir/file (removes)",
    ...["fchown 1", "fchmod 1", "close 1"],
    "unlinkat /dir (removes)",
    ...["fchown 0", "fchmod 0", "close 0"],
  ]);
});

Deno.test("makeGhost() sets attributes of what has no content by its name", () => {
  const open = ["openat /dir/file = 0", "dup3 0", "close 0", "unlinkat /dir/file (removes)", "unlinkat /dir (removes)"];
  assertEquals(callsOf(step({}, { mode: 0o010600 })), [
    "mkdirat /dir (makes-directory)",
    "mknodat /dir/file (makes-file)",
    ...["fchownat /dir/file", "fchmodat /dir/file", ...open],
  ]);
  assertEquals(callsOf(step({}, { mode: 0o120777, target: "/target" })), [
    "mkdirat /dir (makes-directory)",
    "symlinkat /target /dir/file (makes-file)",
    ...["fchownat /dir/file", ...open],
  ]);
});

Deno.test("makeGhost() opens a file that never had a name by its descriptor", () => {
  const __O_TMPFILE = 0o20000000;
  const openings = [
    { handle: 3, flags: __O_TMPFILE | 1, path: "/dir/#7" },
    { handle: 0, flags: 0, path: "/dir/#7" },
  ];
  assertEquals(callsOf(step({ names: [{ path: "/dir/#7", parents: ["/dir"] }], openings })), [
    "mkdirat /dir (makes-directory)",
    ...["openat /dir = 0", "dup3 0", "close 0"],
    "unlinkat /dir (removes)",
    ...["openat /proc/self/fd/104 = 0", "dup3 0", "close 0"],
    ...["openat /proc/self/fd/104 = 0", "fchown 0", "fchmod 0", "close 0"],
  ]);
});
