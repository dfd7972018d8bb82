import { SysError } from "../errors.ts";
import { PAGE_SIZE, type PageRun } from "../model/address_space.ts";
import { O_RDONLY } from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { HostVdso } from "./host.ts";
import { parseMaps } from "./parse_maps.ts";

/** The vdso that this kernel maps, as we have it ourselves; `undefined` where it maps none. */
export function describeVdso(sys: Sys): HostVdso | undefined {
  const lines = parseMaps(readText(sys, "/proc/self/maps"));
  const code = lines.find(({ name }) => name === "[vdso]");
  if (code === undefined) return undefined;
  const data = lines.filter(({ name }) => name === "[vvar]" || name === "[vvar_vclock]");
  const base = Math.min(code.start, ...data.map(({ start }) => start));
  return {
    parts: [...data, code].sort((a, b) => a.start - b.start).map((line) => ({
      kind: line === code ? "vdso" : "vvar",
      offset: line.start - base,
      size: line.end - line.start,
    })),
    code: readRange(sys, "/proc/self/mem", { offset: code.start, size: code.end - code.start }),
  };
}

/** Pages of the images, one after the other; `undefined` where they cannot be read. */
export function readDumpedPages(sys: Sys, runs: readonly PageRun[]): Uint8Array | undefined {
  const bytes = new Uint8Array(runs.reduce((sum, { count }) => sum + count * PAGE_SIZE, 0));
  let done = 0;
  try {
    for (const { file, offset, count } of runs) {
      bytes.set(readRange(sys, file, { offset, size: count * PAGE_SIZE }), done);
      done += count * PAGE_SIZE;
    }
    return bytes;
  } catch (error) {
    // That is told when they are read into the task.
    if (error instanceof SysError) return undefined;
    throw error;
  }
}

/** Bytes of a file; zeros behind its end. */
function readRange(sys: Sys, path: string, { offset, size }: { offset: number; size: number }): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(size));
  const fd = sys.open(path, O_RDONLY);
  try {
    let count = 1;
    for (let done = 0; done < size && count > 0; done += count) {
      count = sys.pread(fd, bytes.subarray(done), offset + done);
    }
    return bytes;
  } finally {
    sys.close(fd);
  }
}
