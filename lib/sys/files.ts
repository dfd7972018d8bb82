import { SysError } from "../errors.ts";
import { decodeText } from "../text.ts";
import { O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from "./constants.ts";
import type { Sys } from "./sys.ts";

/** Files of a kernel are small; nothing we read whole comes near this. */
const MAX_SIZE = 64 * 1024 * 1024;
/** The files of a file system in memory are in one image, compressed. */
export const MAX_REGULAR_SIZE = 1024 * 1024 * 1024;
const FIRST_READ = 8192;

/**
 * Reads a whole file. The size that fstat tells is not trusted: it is 0 for files of /proc.
 *
 * @throws {SysError} EFBIG above 64 MiB
 */
export function readFile(sys: Sys, path: string): Uint8Array<ArrayBuffer> {
  return readDescriptor(sys, sys.open(path, O_RDONLY), path);
}

/**
 * As `readFile`, for the files of a checkpoint: refuses what is not a regular file, which could block us or never end,
 * and allocates no more than the file's size.
 *
 * There are thousands of them, nearly all small: those are not asked for their size.
 *
 * @throws {SysError} EINVAL for another kind of file, EFBIG above 1 GiB and for a file that grows meanwhile
 */
export function readRegularFile(sys: Sys, path: string): Uint8Array<ArrayBuffer> {
  // Without O_NONBLOCK, opening a FIFO would wait for a writer.
  const fd = sys.open(path, O_RDONLY | O_NONBLOCK);
  try {
    const count = sys.read(fd, scratch);
    const more = count === 0 || count === scratch.length ? 0 : sys.read(fd, scratch.subarray(count));
    // What has no content may be a FIFO.
    if (count > 0 && count < scratch.length && more === 0) return scratch.slice(0, count);
    return readSized(sys, fd, { path, begin: scratch.subarray(0, count + more) });
  } finally {
    sys.close(fd);
  }
}

/** The first 8 KiB of a regular file, and its size. */
export function readBeginning(sys: Sys, path: string): { bytes: Uint8Array<ArrayBuffer>; size: number } {
  const fd = sys.open(path, O_RDONLY | O_NONBLOCK);
  try {
    const { mode, size } = sys.fstat(fd);
    if ((mode & S_IFMT) !== S_IFREG) throw cannotRead(path, "EINVAL", "it is not a regular file");
    let length = 0;
    for (let count = 1; count > 0 && length < scratch.length; length += count) {
      count = sys.read(fd, scratch.subarray(length));
    }
    return { bytes: scratch.slice(0, length), size };
  } finally {
    sys.close(fd);
  }
}

/**
 * Lets `use` read at any place of a file, and closes it. What `read` returns has up to `length` bytes, fewer at the
 * end of the file, and is good until the next read.
 */
export function withFile<T>(
  sys: Sys,
  { path, length }: { readonly path: string; readonly length: number },
  use: (read: (offset: number) => Uint8Array) => T,
): T {
  const buffer = new Uint8Array(new ArrayBuffer(length));
  const fd = sys.open(path, O_RDONLY | O_NONBLOCK);
  try {
    return use((offset) => buffer.subarray(0, sys.pread(fd, buffer, offset)));
  } finally {
    sys.close(fd);
  }
}

/** Contents of one file at a time. */
const scratch = new Uint8Array(new ArrayBuffer(FIRST_READ));

/** Reads on, behind what has been read already. */
function readSized(
  sys: Sys,
  fd: number,
  { path, begin }: { readonly path: string; readonly begin: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const { mode, size } = sys.fstat(fd);
  if ((mode & S_IFMT) !== S_IFREG) throw cannotRead(path, "EINVAL", "it is not a regular file");
  if (size > MAX_REGULAR_SIZE) throw cannotRead(path, "EFBIG", `it has more than ${MAX_REGULAR_SIZE} bytes`);
  // One byte more than expected, so that reading sees the end.
  const buffer = new Uint8Array(new ArrayBuffer(Math.max(size, begin.length) + 1));
  buffer.set(begin);
  let length = begin.length;
  for (;;) {
    const count = sys.read(fd, buffer.subarray(length));
    if (count === 0) return buffer.subarray(0, length);
    length += count;
    if (length > size) throw cannotRead(path, "EFBIG", "it grows while it is read");
  }
}

function cannotRead(path: string, code: string, hint: string): SysError {
  return new SysError("read", code, `Cannot read "${path}"`, hint);
}

/** As `readFile`, as text (`decodeText`). */
export function readText(sys: Sys, path: string): string {
  return decodeText(readFile(sys, path));
}

/** Reads a whole file below the open directory `directory`, following no links (`Sys.openBeneath`). */
export function readTextBeneath(sys: Sys, directory: number, path: string): string {
  return decodeText(readDescriptor(sys, sys.openBeneath(directory, path, O_RDONLY), path));
}

/** Reads `fd` to its end, and closes it. */
function readDescriptor(sys: Sys, fd: number, path: string): Uint8Array<ArrayBuffer> {
  try {
    // Most fit in: so only what they have is allocated.
    let buffer = scratch;
    let length = 0;
    for (;;) {
      const count = sys.read(fd, length === 0 ? buffer : buffer.subarray(length));
      if (count === 0) return buffer.slice(0, length);
      length += count;
      if (length > MAX_SIZE) throw cannotRead(path, "EFBIG", `it has more than ${MAX_SIZE} bytes`);
      if (length === buffer.length) buffer = grown(buffer);
    }
  } finally {
    sys.close(fd);
  }
}

function grown(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(new ArrayBuffer(buffer.length * 4));
  larger.set(buffer);
  return larger;
}
