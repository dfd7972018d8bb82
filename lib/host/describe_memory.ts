import { orUndefined } from "../errors.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { describeCompat } from "./describe_compat.ts";
import { describeVdso, readDumpedPages } from "./describe_vdso.ts";
import type { HostMemory, MemoryQuestions } from "./host.ts";

const MM = "/sys/kernel/mm";

/** What this kernel can do about memory, as far as it was asked for. */
export function describeMemory(sys: Sys, questions: MemoryQuestions): HostMemory {
  const vdso = questions.vdso ? describeVdso(sys) : undefined;
  const compat = questions.compat ? describeCompat(sys) : undefined;
  return {
    maxMappings: Number(readText(sys, "/proc/sys/vm/max_map_count")),
    hugePages: new Map(questions.hugePages.flatMap((size) => {
      const available = countHugePages(sys, size);
      return available === undefined ? [] : [[size, available] as const];
    })),
    hasTransparentPages: !questions.transparentPages || exists(sys, `${MM}/transparent_hugepage`),
    mergesPages: !questions.mergedPages || exists(sys, `${MM}/ksm`),
    ...vdso === undefined ? {} : { vdso },
    ...compat === undefined ? {} : { compat },
    pages: describePages(sys, questions.pages),
    processors: questions.processors ? countProcessors(readText(sys, "/sys/devices/system/cpu/possible")) : 1,
  };
}

/** What is the same as the one before, as the vdso of most tasks is, is the same array. */
function describePages(sys: Sys, questions: MemoryQuestions["pages"]): HostMemory["pages"] {
  const pages = new Map<string, Uint8Array>();
  let last: Uint8Array = new Uint8Array();
  for (const [what, runs] of questions) {
    const bytes = readDumpedPages(sys, runs);
    if (bytes === undefined) continue;
    if (!sys.isSameMemory(bytes, last)) last = bytes;
    pages.set(what, last);
  }
  return pages;
}

/** Free pages that nobody has reserved, and those that the kernel may make when they are needed (hugetlbpage.rst). */
function countHugePages(sys: Sys, size: number): number | undefined {
  const directory = `${MM}/hugepages/hugepages-${size / 1024}kB`;
  if (!exists(sys, directory)) return undefined;
  const count = (file: string) => Number(readText(sys, `${directory}/${file}`));
  const surplus = count("nr_overcommit_hugepages") - count("surplus_hugepages");
  return count("free_hugepages") - count("resv_hugepages") + Math.max(0, surplus);
}

/** How many there are in a list of ranges, like `0-3,8-11`. */
export function countProcessors(list: string): number {
  return list.trim().split(",").reduce((sum, range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return sum + last - first + 1;
  }, 0);
}

function exists(sys: Sys, path: string): boolean {
  return orUndefined(["ENOENT", "ENOTDIR"], () => sys.stat(path)) !== undefined;
}
