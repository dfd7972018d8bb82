const MAP_HUGETLB = 0x4_0000;
const MAP_HUGE_SHIFT = 26;
const MAP_HUGE_MASK = 0x3f;

/** Size in bytes of the huge pages that flags of mmap(2) ask for; `undefined` when they do not, 0 for the default. */
export function hugePageSize(flags: number): number | undefined {
  if ((flags & MAP_HUGETLB) === 0) return undefined;
  const shift = flags >>> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
  return shift === 0 ? 0 : 2 ** shift;
}
