import { SysError } from "../../lib/errors.ts";
import type { Sys } from "../../lib/sys/sys.ts";

const CHECKPOINTS = new URL("../fixtures/checkpoints/", import.meta.url).pathname;

/** File contents by name. */
export type ImageFiles = ReadonlyMap<string, Uint8Array>;

/** All images of a checkpoint of `tests/fixtures/checkpoints`. */
export function readImageFiles(checkpoint: string): ImageFiles {
  const directory = CHECKPOINTS + checkpoint;
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name).filter((name) => name.endsWith(".img"));
  return new Map(names.map((name) => [name, Deno.readFileSync(`${directory}/${name}`)]));
}

/** The calls of `Sys` for files that are only in memory, by name. */
export function memorySys(files: ImageFiles): Sys {
  const open = new Map<number, { bytes: Uint8Array; at: number }>();
  const get = (fd: number) => open.get(fd)!;
  let next = 3;
  const statusOf = (bytes: Uint8Array) => ({ mode: 0o100644, uid: 0, gid: 0, size: bytes.length, device: 0 });
  const bytesAt = (path: string) => files.get(path.slice(path.lastIndexOf("/") + 1));
  const calls: Pick<Sys, "open" | "fstat" | "stat" | "read" | "close" | "readAhead"> = {
    open: (path) => {
      const bytes = bytesAt(path);
      if (bytes === undefined) throw new SysError("open", "ENOENT", `Cannot open "${path}"`);
      open.set(next, { bytes, at: 0 });
      return next++;
    },
    fstat: (fd) => statusOf(get(fd).bytes),
    stat: (path) => {
      const bytes = bytesAt(path);
      if (bytes === undefined) throw new SysError("stat", "ENOENT", `Cannot look at "${path}"`);
      return statusOf(bytes);
    },
    // In small bites, so that reading has to put them together.
    read: (fd, buffer) => {
      const file = get(fd);
      const bite = file.bytes.subarray(file.at, file.at + Math.min(buffer.length, 1000));
      buffer.set(bite);
      file.at += bite.length;
      return bite.length;
    },
    close: (fd) => void open.delete(fd),
    // Every other file, so that the rest is read by itself.
    *readAhead(_directory, names) {
      for (const [index, name] of names.entries()) yield index % 2 === 0 ? undefined : bytesAt(name);
    },
  };
  return calls as Sys;
}
