import { Buffer } from "node:buffer";
import { SysError } from "../../lib/errors.ts";
import type { Sys } from "../../lib/sys/sys.ts";

/** The calls of `Sys` that reading regular files takes. */
type FileCalls = Pick<Sys, "open" | "read" | "readAhead" | "pread" | "fstat" | "close" | "isSameMemory">;

/** A `Sys` that reads regular files through Deno, and can do nothing else. It knows when files are left open. */
export class DenoFilesSys implements FileCalls {
  readonly #files = new Map<number, { readonly path: string; readonly file: Deno.FsFile }>();
  #next = 3;

  /** This, as what the code under test asks for; a call that is not there is a TypeError. */
  get sys(): Sys {
    return this as FileCalls as Sys;
  }

  /** Paths of the files that were not closed. */
  get left(): string[] {
    return [...this.#files.values()].map((open) => open.path);
  }

  open(path: string): number {
    try {
      this.#files.set(this.#next, { path, file: Deno.openSync(path) });
    } catch (cause) {
      throw new SysError("open", codeOf(cause), `Cannot open "${path}"`, undefined, { cause });
    }
    return this.#next++;
  }

  read(fd: number, buffer: Uint8Array): number {
    const { path, file } = this.#get(fd);
    try {
      return file.readSync(buffer) ?? 0;
    } catch (cause) {
      throw new SysError("read", codeOf(cause), `Cannot read "${path}"`, undefined, { cause });
    }
  }

  *readAhead(): ReturnType<Sys["readAhead"]> {}

  isSameMemory(one: Uint8Array, other: Uint8Array): boolean {
    return Buffer.compare(one, other) === 0;
  }

  pread(fd: number, buffer: Uint8Array, offset: number): number {
    this.#get(fd).file.seekSync(offset, Deno.SeekMode.Start);
    return this.read(fd, buffer);
  }

  fstat(fd: number) {
    const { mode, uid, gid, size } = this.#get(fd).file.statSync();
    return { mode: mode ?? 0, uid: uid ?? 0, gid: gid ?? 0, size, device: 0 };
  }

  close(fd: number): void {
    this.#get(fd).file.close();
    this.#files.delete(fd);
  }

  #get(fd: number) {
    const open = this.#files.get(fd);
    if (open === undefined) throw new SysError("close", "EBADF", `Cannot use descriptor ${fd}`);
    return open;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "EIO";
}
