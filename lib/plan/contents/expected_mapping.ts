import type { AddressSpace, Mapping } from "../../model/address_space.ts";

/** What /proc/PID/maps must say of a mapping (proc_pid_maps(5)); neighbours may be told as one. */
export interface ExpectedMapping {
  readonly start: number;
  readonly end: number;
  /** `"rw-p"` */
  readonly access: string;
  /** In the file; 0 for anonymous memory. */
  readonly offset: number;
  /** The file; `""` for anonymous memory, whose name the kernel chooses; absent: not compared. */
  readonly name?: string;
}

/** What the kernel says of what is mapped; `undefined` where that is not known beforehand. */
export interface MappingNames {
  readonly ofFile: (file: number) => string | undefined;
  readonly ofSystemSegment: (id: number) => string | undefined;
}

/**
 * What the kernel must say of an address space; addresses outside of the 47 bits of tasks are left out.
 */
export function expectMappings(
  { mappings }: AddressSpace,
  names: MappingNames,
): ExpectedMapping[] {
  return mappings.filter(({ content }) => content.kind !== "vsyscall").map((mapping) => {
    const name = nameOf(mapping, names);
    const { start, end, content } = mapping;
    const offset = "offset" in content ? content.offset : 0;
    return { start, end, access: accessOf(mapping), offset, ...name === undefined ? {} : { name } };
  });
}

function accessOf({ protection, content }: Mapping): string {
  const isShared = content.kind === "segment" || content.kind === "sysv" || content.kind === "ring" ||
    content.kind === "file" && content.isShared;
  const letters = ["r", "w", "x"].map((letter, bit) => (protection >> bit & 1) === 1 ? letter : "-");
  return letters.join("") + (isShared ? "s" : "p");
}

const MAP_HUGETLB = 0x4_0000;

function nameOf({ content, flags }: Mapping, { ofFile, ofSystemSegment }: MappingNames): string | undefined {
  const isHuge = (flags & MAP_HUGETLB) !== 0;
  switch (content.kind) {
    case "anonymous":
      return isHuge ? "/anon_hugepage (deleted)" : "";
    case "ring":
      return "/[aio] (deleted)";
    case "vdso":
      return "[vdso]";
    case "segment":
      return isHuge ? "/anon_hugepage (deleted)" : "/dev/zero (deleted)";
    case "file":
      return ofFile(content.file);
    case "sysv":
      return ofSystemSegment(content.id);
    default:
      return undefined;
  }
}
