import type { Problem } from "../../../errors.ts";
import type { Host } from "../../../host/host.ts";
import { type AddressSpace, type Layout, type Mapping, PAGE_SIZE, type PageRun } from "../../../model/address_space.ts";
import { isAtLeast } from "../kernel_version.ts";
import { attachmentProblems, type SystemSegments } from "./plan_attachments.ts";

const MADV_MERGEABLE = 12;
const MADV_HUGEPAGE = 14;
const MAP_DROPPABLE = 0x08;

/** End of the addresses of tasks with four levels of page tables (Documentation/arch/x86/x86_64/mm.rst). */
const TASK_END = 2 ** 47;
/** What is mapped besides while memory is restored: the agent, its tables, and one more thing for a while. */
const OWN_MAPPINGS = 3;
/** First kernels with MAP_DROPPABLE, and with MADV_GUARD_INSTALL. */
const DROPPABLE = [6, 11] as const;
const GUARDS = [6, 13] as const;

/** What checking memory has to know. */
export interface CheckQuestions {
  readonly pid: number;
  readonly host: Pick<Host, "kernel" | "memory">;
  readonly systemSegments: SystemSegments;
  readonly problems: Problem[];
}

/** Tells what of an address space cannot be restored here. */
export function checkMemory(space: AddressSpace, questions: CheckQuestions): void {
  const { pid, host, systemSegments, problems } = questions;
  const where = `task ${pid}, memory`;
  for (const mapping of space.mappings) {
    const what = mappingProblem(mapping, host);
    if (what !== undefined) problems.push({ where: `${where} ${describe(mapping)}`, what });
  }
  for (const { mapping, what } of attachmentProblems(space.mappings, systemSegments)) {
    problems.push({ where: `${where} ${describe(mapping)}`, what });
  }
  const { maxMappings } = host.memory;
  if (space.mappings.length + OWN_MAPPINGS > maxMappings) {
    const what = `it has ${space.mappings.length} mappings, and vm.max_map_count allows ${maxMappings} here`;
    problems.push({ where, what: `${what}: ${OWN_MAPPINGS} more are needed while it is restored` });
  }
  if (space.guards.length > 0 && !isAtLeast(host.kernel, GUARDS)) {
    problems.push({ where, what: "it has guard pages (MADV_GUARD_INSTALL), which need Linux 6.13" });
  }
  for (const run of strayPages(space)) {
    const what = "there is no private mapping for them";
    problems.push({ where: `task ${pid}, pages at ${run.address.toString(16)}`, what });
  }
  for (const what of layoutProblems(space.layout)) problems.push({ where, what });
}

/** A range of addresses as /proc/PID/maps writes it. */
function describe({ start, end }: Mapping): string {
  return `${start.toString(16)}-${end.toString(16)}`;
}

function mappingProblem({ end, content, advice, flags }: Mapping, { kernel, memory }: CheckQuestions["host"]) {
  if (content.kind === "unknown") return `${content.what} cannot be restored`;
  if (end > TASK_END && content.kind !== "vsyscall") {
    return "its addresses are beyond 47 bits (five levels of page tables), which cannot be restored";
  }
  if (advice.includes(MADV_MERGEABLE) && !memory.mergesPages) {
    return "its pages may be merged (MADV_MERGEABLE), and this kernel was made without CONFIG_KSM";
  }
  if (advice.includes(MADV_HUGEPAGE) && !memory.hasTransparentPages) {
    return "it shall have huge pages (MADV_HUGEPAGE), and this kernel was made without CONFIG_TRANSPARENT_HUGEPAGE";
  }
  if ((flags & MAP_DROPPABLE) !== 0 && !isAtLeast(kernel, DROPPABLE)) {
    return "its pages may be dropped (MAP_DROPPABLE), which needs Linux 6.11";
  }
  return undefined;
}

/** Pages, ascending as the mappings are, that do not lie in mappings with pages of their own. */
function* strayPages({ mappings, pages }: AddressSpace): Generator<PageRun> {
  let index = 0;
  for (const run of pages) {
    const end = run.address + run.count * PAGE_SIZE;
    let address = run.address;
    while (address < end) {
      let mapping = mappings[index];
      while (mapping !== undefined && mapping.end <= address) mapping = mappings[++index];
      if (mapping === undefined || mapping.start > address || !hasOwnPages(mapping)) break;
      address = mapping.end;
    }
    if (address < end) yield run;
  }
}

function hasOwnPages({ content }: Mapping): boolean {
  switch (content.kind) {
    case "anonymous":
    case "ring":
    case "vdso":
    case "vvar":
      return true;
    case "file":
      return !content.isShared;
    default:
      return false;
  }
}

/** What the kernel does not accept (`validate_prctl_map_addr`, kernel/sys.c). */
function layoutProblems(layout: Layout): string[] {
  const { startCode, endCode, startData, endData, startBrk, brk, argStart, argEnd, envStart, envEnd } = layout;
  const ranges: readonly (readonly [string, number, number])[] = [
    // There is always some code.
    ["code", startCode + 1, endCode],
    ["data", startData, endData],
    ["heap", startBrk, brk],
    ["arguments", argStart, argEnd],
    ["environment", envStart, envEnd],
  ];
  const problems = ranges.filter(([, start, end]) => start > end).map(([what]) => `its ${what} ends before it begins`);
  if (Object.values(layout).some((address: number) => address >= TASK_END)) {
    problems.push("its layout has addresses that no task has");
  }
  return problems;
}
