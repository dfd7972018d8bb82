/**
 * The memory of a task. Addresses and sizes are in bytes; those of pages are multiples of `PAGE_SIZE`, and exact as
 * numbers even at the upper end of 64 bits.
 */
export const PAGE_SIZE = 4096;

export interface AddressSpace {
  /** By ascending address, without overlaps. */
  readonly mappings: readonly Mapping[];
  /** Ranges in which an access faults (MADV_GUARD_INSTALL), by ascending address. */
  readonly guards: readonly Range[];
  /** Pages whose contents are known, by ascending address. */
  readonly pages: readonly PageRun[];
  readonly layout: Layout;
  /** Id of the file that /proc/PID/exe is. */
  readonly executable: number;
  readonly auxv: Uint8Array<ArrayBuffer>;
  /** PR_SET_DUMPABLE; absent in old dumps. */
  readonly dumpable?: number;
  /** PR_SET_THP_DISABLE. */
  readonly hugePagesDisabled: boolean;
  /** Contexts of io_setup(2). */
  readonly rings: readonly Ring[];
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Mapping extends Range {
  /** PROT_* of mmap(2). */
  readonly protection: number;
  readonly content: MappingContent;
  /** MAP_DROPPABLE, MAP_GROWSDOWN, MAP_LOCKED, MAP_NORESERVE, and MAP_HUGETLB with its size. */
  readonly flags: number;
  /** What was asked for with madvise(2), ascending. */
  readonly advice: readonly number[];
}

export type MappingContent =
  | { readonly kind: "anonymous" }
  /** `openFlags`: how the file has to be opened to be mapped. */
  | {
    readonly kind: "file";
    readonly file: number;
    readonly offset: number;
    readonly isShared: boolean;
    readonly openFlags: number;
  }
  /** Anonymous memory that is shared (`shm` with what CRIU numbers it by). */
  | { readonly kind: "segment"; readonly segment: number; readonly offset: number }
  /** System V shared memory: the segment with this id in its namespace. */
  | { readonly kind: "sysv"; readonly id: number; readonly offset: number; readonly isReadOnly: boolean }
  /** Events of io_setup(2). */
  | { readonly kind: "ring" }
  /** Of the kernel's own making. */
  | { readonly kind: "vdso" | "vvar" | "vsyscall" }
  /** Kinds that cannot be restored. */
  | { readonly kind: "unknown"; readonly what: string };

/** Asynchronous requests, whose events the kernel writes to a mapping. */
export interface Ring {
  /** The mapping's, by which the task knows it. */
  readonly address: number;
  /** How many were asked for, or as many as make a mapping of this size. */
  readonly requests: number;
  /** Bytes of the mapping. */
  readonly size: number;
}

/** Consecutive pages, and where their contents are. */
export interface PageRun {
  readonly address: number;
  /** Pages. */
  readonly count: number;
  /** Path of a file that has them one after the other from `offset` on. */
  readonly file: string;
  readonly offset: number;
}

/** What PR_SET_MM_MAP sets (`struct prctl_mm_map` of linux/prctl.h), in its order. */
export interface Layout {
  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  readonly startBrk: number;
  readonly brk: number;
  readonly startStack: number;
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;
}

/** Memory that several tasks share: an anonymous segment, or the content of a memfd. */
export interface Segment {
  /** Bytes; of anonymous segments as far as they are mapped. */
  readonly size: number;
  /** MAP_NORESERVE, and MAP_HUGETLB with its size, as some mapping of it has them. */
  readonly flags: number;
  /** Addresses are offsets in the segment. */
  readonly pages: readonly PageRun[];
}
