import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { orUndefined } from "./describe_cgroups.ts";
import { describeVdso, readDumpedVdso } from "./describe_vdso.ts";
import type { HostMemory, MemoryQuestions } from "./host.ts";

const MM = "/sys/kernel/mm";

/** What this kernel can do about memory, as far as it was asked for. */
export function describeMemory(sys: Sys, questions: MemoryQuestions): HostMemory {
  const vdso = questions.vdsos.size === 0 ? undefined : describeVdso(sys);
  return {
    maxMappings: Number(readText(sys, "/proc/sys/vm/max_map_count")),
    hugePages: new Map(questions.hugePages.flatMap((size) => {
      const available = countHugePages(sys, size);
      return available === undefined ? [] : [[size, available] as const];
    })),
    hasTransparentPages: !questions.transparentPages || exists(sys, `${MM}/transparent_hugepage`),
    mergesPages: !questions.mergedPages || exists(sys, `${MM}/ksm`),
    ...vdso === undefined ? {} : { vdso },
    dumpedVdsos: new Map([...questions.vdsos].flatMap(([pid, runs]) => {
      const bytes = readDumpedVdso(sys, runs);
      return bytes === undefined ? [] : [[pid, bytes] as const];
    })),
  };
}

/** Free pages that nobody has reserved, and those that the kernel may make when they are needed (hugetlbpage.rst). */
function countHugePages(sys: Sys, size: number): number | undefined {
  const directory = `${MM}/hugepages/hugepages-${size / 1024}kB`;
  if (!exists(sys, directory)) return undefined;
  const count = (file: string) => Number(readText(sys, `${directory}/${file}`));
  const surplus = count("nr_overcommit_hugepages") - count("surplus_hugepages");
  return count("free_hugepages") - count("resv_hugepages") + Math.max(0, surplus);
}

function exists(sys: Sys, path: string): boolean {
  return orUndefined(["ENOENT", "ENOTDIR"], () => sys.stat(path)) !== undefined;
}
