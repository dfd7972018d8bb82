import { deepEqual as assertEquals } from "node:assert/strict";
import type { Problem } from "../errors.ts";
import type { FileEntry } from "../gen/files.ts";
import type { ContentImages } from "../image/content_images.ts";
import { buildOpenFiles } from "./build_open_files.ts";
import { ELSEWHERE } from "./net_numbers.ts";

const FOWN = { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 };
const REG = 1;
const TUN = 15;
const TUNF: Partial<FileEntry> = { type: TUN, tunf: { id: 5, netdev: "tun0", detached: true } as FileEntry["tunf"] };

/** The files of entries with the id 5, and the problems. */
function build(entries: readonly Partial<FileEntry>[]) {
  const problems: Problem[] = [];
  const files = entries.map((entry) => ({ id: 5, ...entry })) as FileEntry[];
  const images = { files, remaps: [], ghosts: new Map() } as unknown as ContentImages;
  const namespaceIds = { tasks: new Map(), dumper: undefined };
  const built = buildOpenFiles({ images, networks: [8, 9], problems, namespaceIds });
  const said = { kinds: [...built.values()].map(({ kind }) => kind), problems: problems.map(({ what }) => what) };
  return { said, file: built.get(5) };
}

const PATH: Partial<FileEntry> = {
  type: REG,
  reg: { id: 5, flags: 2, pos: 0n, fown: FOWN, name: "/dev/net/tun", buildId: [] } as unknown as FileEntry["reg"],
};

Deno.test("buildOpenFiles() takes what a file is attached to from a second entry", () => {
  const { said, file } = build([PATH, TUNF]);
  assertEquals(said, { kinds: ["path"], problems: [] });
  const tun = file?.kind === "path" ? file.tun : undefined;
  assertEquals(tun, { device: "tun0", isDetached: true });
});

Deno.test("buildOpenFiles() takes a tun device that was not chosen for a file", () => {
  const { said, file } = build([PATH, { type: TUN, tunf: { id: 5 } as FileEntry["tunf"] }]);
  assertEquals([said.kinds, file?.kind === "path" && file.tun], [["path"], undefined]);
});

Deno.test("buildOpenFiles() tells in which net namespace /dev/net/tun was opened", () => {
  for (const [nsId, network] of [[8, undefined], [9, 1], [7, ELSEWHERE]] as const) {
    const { file } = build([PATH, { type: TUN, tunf: { id: 5, nsId } as FileEntry["tunf"] }]);
    assertEquals(file?.kind === "path" && file.network, network);
  }
});

Deno.test("buildOpenFiles() tells ids that occur more than once", () => {
  const problems = ["file 5 occurs more than once"];
  assertEquals(build([PATH, PATH]).said, { kinds: ["path"], problems });
  assertEquals(build([TUNF, TUNF]).said, { kinds: ["unknown"], problems });
  assertEquals(build([PATH, TUNF, TUNF]).said.problems, problems);
});

Deno.test("buildOpenFiles() tells of owners that there cannot be", async (t) => {
  const problems = ["who is signalled of file 5 is nobody there can be"];
  const rows: readonly [name: string, fown: Partial<typeof FOWN>, problems: readonly string[]][] = [
    ["a process group, by the last signal", { pidType: 2, pid: 77, signum: 64 }, []],
    ["an unknown kind", { pidType: 3, pid: 77 }, problems],
    ["an unknown signal", { pid: 77, signum: 65 }, problems],
    ["nobody of an unknown kind", { pidType: 3 }, []],
  ];
  for (const [name, fown, want] of rows) {
    await t.step(name, () => {
      const reg = { ...PATH.reg, fown: { ...FOWN, ...fown } } as FileEntry["reg"];
      assertEquals(build([{ ...PATH, reg }]).said, { kinds: ["path"], problems: want });
    });
  }
});
