import type { Problem } from "../errors.ts";
import type { MemfdInodeEntry } from "../gen/memfd.ts";
import type { ContentImages } from "../image/content_images.ts";
import { PAGE_SIZE, type Segment } from "./address_space.ts";
import { buildPages } from "./build_pages.ts";
import type { Contents } from "./contents.ts";
import type { TaskState } from "./task_state.ts";

const MAP_NORESERVE = 0x4000;
const MAP_HUGETLB = 0x4_0000;
const MAP_HUGE_SIZE = 0x3f << 26;
const MFD_HUGETLB = 4;
const SEGMENT_FLAGS = MAP_NORESERVE | MAP_HUGETLB | MAP_HUGE_SIZE;

/** What the building of segments has to know. */
export interface SegmentsContext extends Pick<Contents, "files"> {
  readonly images: Pick<ContentImages, "segments"> & {
    readonly memfds: readonly Pick<MemfdInodeEntry, "shmid" | "size" | "hugetlbFlag">[];
  };
  readonly tasks: ReadonlyMap<number, Pick<TaskState, "memory">>;
  readonly problems: Problem[];
}

/** The memory that is shared, by id. A mapped segment is as large as the mappings of it reach; a memfd says its size. */
export function buildSegments({ images, tasks, files, problems }: SegmentsContext): Map<number, Segment> {
  const sizes = new Map<number, number>(images.memfds.map(({ shmid, size }) => [shmid, size]));
  const flags = new Map(images.memfds.map(({ shmid, hugetlbFlag = 0 }) => [shmid, mapFlags(hugetlbFlag)]));
  for (const { memory } of tasks.values()) {
    for (const { start, end, content, flags: own } of memory.mappings) {
      const id = content.kind === "segment" ? content.segment : segmentOf(files, content);
      if (id === undefined) continue;
      flags.set(id, (flags.get(id) ?? 0) | own & SEGMENT_FLAGS);
      if (content.kind !== "segment") continue;
      sizes.set(id, Math.max(sizes.get(id) ?? 0, content.offset + end - start));
    }
  }
  return new Map([...sizes].map(([id, size]) => {
    const pagemap = images.segments.get(id);
    const pages = pagemap === undefined ? [] : buildPages(pagemap, problems);
    const last = pages.at(-1);
    if (pagemap !== undefined && last !== undefined && last.address + (last.count - 1) * PAGE_SIZE >= size) {
      problems.push({ where: pagemap.name, what: `it has pages behind the end of the segment, at ${size} bytes` });
    }
    return [id, { size, flags: flags.get(id) ?? 0, pages }];
  }));
}

/** Flags of memfd_create(2) as mmap(2) has them. */
function mapFlags(flags: number): number {
  return (flags & MFD_HUGETLB) === 0 ? 0 : MAP_HUGETLB | flags & MAP_HUGE_SIZE;
}

function segmentOf(files: SegmentsContext["files"], content: { readonly kind: string; readonly file?: number }) {
  const file = content.file === undefined ? undefined : files.get(content.file);
  return file?.kind === "memfd" ? file.inode.segment : undefined;
}
