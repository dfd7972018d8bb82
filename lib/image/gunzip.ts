import { inflateSync } from "fflate";

/** What is wrong with compressed bytes: nothing else ends a decompression early. */
class Damage extends Error {}

/**
 * Decompresses what gzip(1) has compressed (RFC 1952 and 1951): what the platform has for that is asynchronous.
 *
 * @param limit bytes that come of it at most
 * @returns the bytes, or what is wrong
 */
export function gunzip(bytes: Uint8Array, limit: number): Uint8Array<ArrayBuffer> | string {
  try {
    const start = headerEnd(bytes);
    const end = bytes.length - TRAILER;
    if (end < start) throw new Damage("the file ends too early");
    const trailer = new DataView(bytes.buffer, bytes.byteOffset + end);
    const size = trailer.getUint32(4, true);
    if (size > limit) throw new Damage(`${size} bytes come of it, and ${limit} are the most that are read`);
    const result = inflate(bytes.subarray(start, end), size);
    if (checksum(result) !== trailer.getUint32(0, true)) throw new Damage("its checksum is not that of what it says");
    return result;
  } catch (error) {
    if (error instanceof Damage) return error.message;
    throw error;
  }
}

const MAGIC = [0x1f, 0x8b, 8];
const FLAG_CRC = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;
/** Checksum and size of what was compressed. */
const TRAILER = 8;

/** Where the compressed bytes begin. */
function headerEnd(bytes: Uint8Array): number {
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) throw new Damage("it is not compressed by gzip");
  const flags = bytes[3] ?? 0;
  let at = 10;
  if ((flags & FLAG_EXTRA) !== 0) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) if ((flags & flag) !== 0) at = bytes.indexOf(0, at) + 1;
  return (flags & FLAG_CRC) === 0 ? at : at + 2;
}

/** CRC-32 (RFC 1952, 8). */
function checksum(bytes: Uint8Array): number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = (byte & 1) === 0 ? byte >>> 1 : byte >>> 1 ^ 0xedb88320;
    return byte;
  });
  let sum = 0xffff_ffff;
  for (const byte of bytes) sum = sum >>> 8 ^ (table[(sum ^ byte) & 0xff] ?? 0);
  return ~sum >>> 0;
}

/** Decompresses into `size` bytes; a larger result is cut off, and its checksum is wrong then. */
function inflate(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size);
  try {
    const length = inflateSync(bytes, { out }).length;
    if (length === size) return out;
  } catch (error) {
    throw new Damage(`it is damaged: ${error instanceof Error ? error.message : error}`);
  }
  throw new Damage("its size is another one than it says at its end");
}
