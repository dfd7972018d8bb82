import type { Sys } from "../sys/sys.ts";
import type { Host } from "./host.ts";

/** Leaf of CPUID that tells of XSAVE (Intel SDM, volume 1, 13.2). */
const XSAVE_LEAF = 0xd;

/**
 * Where this processor keeps components in the standard form of XSAVE's area; those it has not enabled are left out.
 *
 * @param numbers those to look for
 */
export function describeComponents(sys: Sys, numbers: readonly number[]): Host["components"] {
  if (numbers.length === 0) return new Map();
  const [low, , , high] = sys.cpuid(XSAVE_LEAF, 0);
  const enabled = BigInt(high >>> 0) << 32n | BigInt(low >>> 0);
  return new Map(numbers.flatMap((number) => {
    if ((enabled >> BigInt(number) & 1n) === 0n) return [];
    const [size, offset] = sys.cpuid(XSAVE_LEAF, number);
    return size === 0 ? [] : [[number, { offset, size }] as const];
  }));
}
