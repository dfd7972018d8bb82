import { SysError } from "../errors.ts";
import { PAGE_SIZE, type PageRun } from "../model/address_space.ts";
import { O_RDONLY } from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { HostVdso } from "./host.ts";
import { parseMaps } from "./parse_maps.ts";

/** The vdso that this kernel maps, as a process has it whose directory in /proc is `process`; `undefined`: it has none. */
export function describeVdso(sys: Sys, process = "/proc/self"): HostVdso | undefined {
  const lines = parseMaps(readText(sys, `${process}/maps`));
  const code = lines.find(({ name }) => name === "[vdso]");
  if (code === undefined) return undefined;
  const data = lines.filter(({ name }) => name === "[vvar]" || name === "[vvar_vclock]");
  const base = Math.min(code.start, ...data.map(({ start }) => start));
  const bytes = new Uint8Array(new ArrayBuffer(code.end - code.start));
  readRange(sys, { path: `${process}/mem`, offset: code.start }, bytes);
  return {
    parts: [...data, code].sort((a, b) => a.start - b.start).map((line) => ({
      kind: line === code ? "vdso" : "vvar",
      offset: line.start - base,
      size: line.end - line.start,
    })),
    code: bytes,
  };
}

/** Pages of the images, one after the other; `undefined` where they cannot be read. */
export function readDumpedPages(sys: Sys, runs: readonly PageRun[]): Uint8Array | undefined {
  const bytes = new Uint8Array(new ArrayBuffer(runs.reduce((sum, { count }) => sum + count * PAGE_SIZE, 0)));
  let done = 0;
  try {
    for (const { file, offset, count } of runs) {
      const size = count * PAGE_SIZE;
      readRange(sys, { path: file, offset }, bytes.subarray(done, done + size));
      done += size;
    }
    return bytes;
  } catch (error) {
    // That is told when they are read into the task.
    if (error instanceof SysError) return undefined;
    throw error;
  }
}

/** Reads bytes of a file into zeros, which stay zeros behind its end. */
function readRange(sys: Sys, { path, offset }: { path: string; offset: number }, zeros: Uint8Array): void {
  const fd = sys.open(path, O_RDONLY);
  try {
    let count = 1;
    for (let done = 0; done < zeros.length && count > 0; done += count) {
      count = sys.pread(fd, zeros.subarray(done), offset + done);
    }
  } finally {
    sys.close(fd);
  }
}
