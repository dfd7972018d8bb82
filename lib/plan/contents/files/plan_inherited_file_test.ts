import { deepEqual as assertEquals } from "node:assert/strict";
import { pathFile, plannerOf, problemsOf } from "../../../../tests/support/plan_files.ts";
import type { HostDescriptor } from "../../../host/host.ts";
import type { OpenFile } from "../../../model/open_file.ts";
import { planFile } from "../plan_file.ts";
import { checkInheritedFiles, notesOnInheritedFiles } from "./plan_inherited_file.ts";
import { planPathUse } from "./plan_path.ts";

const O_WRONLY = 1;
const O_RDWR = 2;
const O_APPEND = 0o2000;
const O_NOFOLLOW = 0o400000;

const PROVIDED: HostDescriptor = { name: "/provided", flags: O_RDWR, mode: 0o100644, size: 10 };

function plan(
  files: readonly OpenFile[],
  key: string,
  inherited: Readonly<Record<number, HostDescriptor>> = { 5: PROVIDED },
) {
  const planner = plannerOf(files, { inherited, options: { inheritedFiles: [{ fd: 5, key }] } });
  checkInheritedFiles(planner);
  const handles = files.map((file) => planFile(planner, file.id, "holder"));
  return { planner, handles };
}

const INHERIT = { kind: "inherit", handle: 0, fd: 5 } as const;

Deno.test("what has a name is replaced as it is, whatever has opened it", () => {
  for (const key of ["dir/file", "/dir/file"]) {
    const { planner, handles } = plan([pathFile(), pathFile({ id: 2, flags: O_APPEND })], key);
    assertEquals(handles, [0, 0]);
    assertEquals(planner.early, [{ ...INHERIT, what: `descriptor 5 for ${key}` }]);
    assertEquals(planner.expected.get(0), { link: "/provided", flags: O_RDWR });
    assertEquals([problemsOf(planner), notesOnInheritedFiles(planner)], [[], []]);
  }
});

Deno.test("an external file is opened again on what is provided", () => {
  const file = pathFile({
    path: "file[1c:2a]",
    isExternal: true,
    flags: O_WRONLY | O_NOFOLLOW,
    position: 7n,
    size: 10,
  });
  const { planner, handles } = plan([file], "file[1c:2a]");
  assertEquals(handles, [1]);
  assertEquals(planner.late, [
    { kind: "reopen", handle: 1, from: 0, what: "file[1c:2a]", flags: O_WRONLY, position: 7n },
  ]);
  assertEquals(planner.expected.get(1), { link: "/provided", flags: O_WRONLY, position: 7n });
  assertEquals(problemsOf(planner), []);
});

Deno.test("an external file has to be provided, and to be what it was", () => {
  const file = pathFile({ path: "file[1c:2a]", isExternal: true, size: 11 });
  const needed = 'holder: the external file "file[1c:2a]" is needed: --inherit-fd "fd[N]:file[1c:2a]"';
  assertEquals(problemsOf(plan([file], "other").planner), [needed]);
  const differs = 'holder, "file[1c:2a]" as descriptor 5: it has 10 bytes here, and had 11 at the dump';
  assertEquals(problemsOf(plan([file], "file[1c:2a]").planner), [differs]);
  const { planner } = plan([], "");
  planPathUse(planner, file, { openFlags: 0, holder: "holder" });
  assertEquals(problemsOf(planner), ['holder, "file[1c:2a]": an external file cannot be mapped or worked in']);
});

Deno.test("a pipe's ends are opened again on what is provided", () => {
  const pipe = { id: 9, bytes: new Uint8Array(2) };
  const files: OpenFile[] = [
    { kind: "pipe", id: 1, flags: 0, pipe },
    { kind: "pipe", id: 2, flags: O_WRONLY, pipe },
  ];
  const { planner, handles } = plan(files, "pipe:[9]");
  assertEquals(handles, [1, 2]);
  assertEquals(planner.late.map(({ kind }) => kind), ["reopen", "reopen"]);
  assertEquals(planner.expected.get(2), { link: "/provided", flags: O_WRONLY });
  assertEquals(planner.notes, ["the 2 bytes that were in pipe 9 are not restored: it is inherited"]);
});

Deno.test("a memfd is replaced as it is", () => {
  const inode = { id: 3, name: "m", uid: 0, gid: 0, size: 4096, segment: 4, seals: 0, hugeFlags: 0 };
  const { planner, handles } = plan([{ kind: "memfd", id: 1, flags: O_RDWR, position: 0, inode }], "/memfd:m");
  assertEquals(handles, [0]);
  assertEquals(planner.early.map(({ kind }) => kind), ["inherit"]);
});

Deno.test("what is to be inherited has to be open, and what nothing needs is told", () => {
  const { planner } = plan([], "pipe:[9]", {});
  assertEquals(problemsOf(planner), ['--inherit-fd "fd[5]:pipe:[9]": cgrestore was started without descriptor 5']);
  assertEquals(notesOnInheritedFiles(planner), [
    'nothing in the checkpoint is "pipe:[9]": that --inherit-fd is not used',
  ]);
});
