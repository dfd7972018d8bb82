import { deepEqual as assertEquals } from "node:assert/strict";
import { aMapping, aSpace } from "../../tests/support/build_space.ts";
import type { Problem } from "../errors.ts";
import type { Pagemap } from "../image/content_images.ts";
import type { MappingContent } from "./address_space.ts";
import { buildSegments, type SegmentsContext } from "./build_segments.ts";
import type { MemoryFile } from "./files/memory_file.ts";

const START = 0x10_0000;
const MAP_NORESERVE = 0x4000;
const HUGE_2_MIB = 0x4_0000 | 21 << 26;
const MFD_HUGETLB_2_MIB = 4 | 21 << 26;

interface Given {
  /** Mappings of each task: content and flags. */
  readonly tasks?: readonly (readonly (readonly [content: MappingContent, flags: number])[])[];
  readonly memfds?: readonly { readonly shmid: number; readonly size: number; readonly hugetlbFlag?: number }[];
  readonly segments?: ReadonlyMap<number, Pagemap>;
  readonly files?: SegmentsContext["files"];
}

function build({ tasks = [], memfds = [], segments = new Map(), files = new Map() }: Given) {
  const problems: Problem[] = [];
  const built = buildSegments({
    images: { memfds: memfds.map((memfd) => ({ hugetlbFlag: undefined, ...memfd })), segments },
    tasks: new Map(tasks.map((mappings, index) => [
      index + 1,
      {
        memory: aSpace({
          mappings: mappings.map(([content, flags], at) => aMapping(START * (at + 1), 2, { content, flags })),
        }),
      },
    ])),
    files,
    problems,
  });
  return { segments: [...built], problems: problems.map(({ where, what }) => `${where}: ${what}`) };
}

Deno.test("buildSegments() makes a segment as large as mappings of it reach", () => {
  const at = (offset: number): MappingContent => ({ kind: "segment", segment: 5, offset });
  const { segments } = build({ tasks: [[[at(0), 0]], [[at(0x3000), MAP_NORESERVE], [at(0x1000), 0]]] });
  assertEquals(segments, [[5, { size: 0x5000, flags: MAP_NORESERVE, pages: [] }]]);
});

Deno.test("buildSegments() takes the size of a memfd from itself, and its flags from mappings as well", () => {
  const inode = { id: 1, name: "a", uid: 0, gid: 0, size: 100, segment: 6, seals: 0, hugeFlags: 0 };
  const file: MemoryFile = { kind: "memfd", id: 3, flags: 2, position: 0, inode };
  const content: MappingContent = { kind: "file", file: 3, offset: 0, isShared: true, openFlags: 2 };
  const { segments } = build({
    tasks: [[[content, MAP_NORESERVE]]],
    memfds: [{ shmid: 6, size: 100 }, { shmid: 7, size: 2 ** 21, hugetlbFlag: MFD_HUGETLB_2_MIB }],
    files: new Map([[3, file]]),
  });
  assertEquals(segments, [
    [6, { size: 100, flags: MAP_NORESERVE, pages: [] }],
    [7, { size: 2 ** 21, flags: HUGE_2_MIB, pages: [] }],
  ]);
});

Deno.test("buildSegments() tells of pages behind the end", () => {
  const entries = [{ vaddr: 0, compatNrPages: 2, inParent: undefined, flags: 4, nrPages: undefined }];
  const pagemap: Pagemap = {
    name: "pagemap-shmem-6.img",
    pagesFile: "pages-1.img",
    pagesSize: 8192,
    entries,
    parent: undefined,
  };
  const of = (size: number) => build({ memfds: [{ shmid: 6, size }], segments: new Map([[6, pagemap]]) }).problems;
  assertEquals(of(4097), []);
  assertEquals(of(4096), ["pagemap-shmem-6.img: it has pages behind the end of the segment, at 4096 bytes"]);
});
