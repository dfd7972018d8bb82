/** ELF files (elf(5)) for 64-bit machines of little end, in words of 8 bytes. */

/** `e_machine`, by the names that `Deno.build.arch` has. */
export const ELF_MACHINES = { x86_64: 62, aarch64: 183 } as const;

export const ET_EXEC = 2;
export const ET_DYN = 3;

/** Type and flags of a segment, as its first word has them. */
export const [PF_READ, PF_WRITE, PF_RUN] = [4n << 32n, 2n << 32n, 1n << 32n];
export const [PT_LOAD, PT_DYNAMIC, PT_GNU_STACK] = [1n, 2n, 0x6474e551n];

export const WORD = 8;
export const HEADER_WORDS = 8;
export const SEGMENT_WORDS = 7;

const IDENTIFICATION = 0x00010102464c457fn;
const EV_CURRENT = 1n << 32n;
/** The largest page that these machines have. */
export const ALIGNMENT = 0x10000n;

/** The header of a file whose segments are described right behind it. */
export function elfHeader(
  file: { readonly type: number; readonly machine: number; readonly entry?: bigint; readonly segments: number },
): bigint[] {
  const { type, machine, entry = 0n, segments } = file;
  const sizes = BigInt(HEADER_WORDS * WORD) << 32n | BigInt(SEGMENT_WORDS * WORD) << 48n;
  const kind = BigInt(type | machine << 16) | EV_CURRENT;
  return [IDENTIFICATION, 0n, kind, entry, BigInt(HEADER_WORDS * WORD), 0n, sizes, BigInt(segments)];
}

/** So many bytes of the file from `offset` on, in memory at `base + offset`. */
export function elfSegment(
  kind: bigint,
  { offset, base, size }: { readonly offset: bigint; readonly base: bigint; readonly size: bigint },
): bigint[] {
  return [kind, offset, base + offset, base + offset, size, size, ALIGNMENT];
}
