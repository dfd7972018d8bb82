import type { Host } from "../../../host/host.ts";
import type { Contents } from "../../../model/contents.ts";
import type { SocketOptions } from "../../../model/files/socket_options.ts";
import { isAtLeast } from "../kernel_version.ts";

/** The first kernel with SO_BUF_LOCK: Linux, commit 04190bf8944d. */
const UNLOCKABLE = [5, 15] as const;
/** SOCK_SNDBUF_LOCK and SOCK_RCVBUF_LOCK (net/sock.h). */
const BOTH_LOCKED = 3;

/** Tells of buffers that the kernel made larger and smaller by itself, where it will not do that any more. */
export function notesOnBuffers({ files }: Pick<Contents, "files">, { kernel }: Pick<Host, "kernel">): string[] {
  if (isAtLeast(kernel, UNLOCKABLE)) return [];
  const fixed = [...files.values()].filter((file) => "options" in file && hasFreeBuffers(file.options)).length;
  if (fixed === 0) return [];
  const sockets = fixed === 1 ? "1 socket keeps its buffers" : `${fixed} sockets keep their buffers`;
  return [`${sockets} at the sizes of the dump: only Linux 5.15 or newer lets them grow again`];
}

function hasFreeBuffers({ lockedBuffers = BOTH_LOCKED }: SocketOptions): boolean {
  return lockedBuffers !== BOTH_LOCKED;
}
