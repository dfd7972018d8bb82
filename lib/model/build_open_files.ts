import type { Problem } from "../errors.ts";
import type { FileEntry } from "../gen/files.ts";
import type { FownEntry } from "../gen/fown.ts";
import type { TunfileEntry } from "../gen/tun.ts";
import type { ContentImages } from "../image/content_images.ts";
import { buildEpollFile, buildEventFile, buildSignalFile, buildTimerFile } from "./files/build_event_files.ts";
import { buildInetSocket } from "./files/build_inet_socket.ts";
import { buildMemoryFile } from "./files/build_memory_file.ts";
import { buildNamespaceFile, type NamespaceIds } from "./files/build_namespace_file.ts";
import { buildNetlinkSocket } from "./files/build_netlink_socket.ts";
import { buildFanotifyFile, buildInotifyFile } from "./files/build_notify_files.ts";
import { buildPacketSocket } from "./files/build_packet_socket.ts";
import { buildPathFile } from "./files/build_path_file.ts";
import { buildPidFile } from "./files/build_pid_file.ts";
import { buildFifoFile, buildPipeFile } from "./files/build_pipe_file.ts";
import type { PathFile } from "./files/path_file.ts";
import { buildTerminalFile } from "./files/build_terminal_file.ts";
import { buildUnixSocket } from "./files/build_unix_socket.ts";
import { netNumber } from "./net_numbers.ts";
import type { OpenFile, SignalOwner } from "./open_file.ts";

/** `fd_types` of images/fdinfo.proto that there is no message for here. */
const UNKNOWN: ReadonlyMap<number, string> = new Map([
  [16, "an external file"],
  [19, "a BPF map"],
]);

const O_ASYNC = 0o20000;

/** What the building of open files has to know. */
export interface FilesContext {
  readonly images: ContentImages;
  /** Ids of the net namespaces that tasks are in, by their numbers; none when the images do not tell. */
  readonly networks: readonly number[];
  readonly problems: Problem[];
}

interface OpenFilesContext extends FilesContext {
  readonly namespaceIds: NamespaceIds;
}

/** The open files of files.img, by id. */
export function buildOpenFiles(context: OpenFilesContext): Map<number, OpenFile> {
  const files = new Map<number, OpenFile>();
  for (const [index, entry] of context.images.files.entries()) {
    const where = `files.img, entry ${index}`;
    const before = files.get(entry.id);
    const isSecondPart = entry.tunf !== undefined && before?.kind === "path" && before.tun === undefined;
    if (before !== undefined && !isSecondPart) {
      context.problems.push({ where, what: `file ${entry.id} occurs more than once` });
    }
    const file = isSecondPart
      ? addTun(before, entry.tunf, context)
      : separateAsync(buildOpenFile(entry, where, context));
    if (!isOwned(file)) {
      context.problems.push({ where, what: `who is signalled of file ${entry.id} is nobody there can be` });
    }
    files.set(entry.id, file);
  }
  return files;
}

/** By its name, CRIU writes an open /dev/net/tun as a regular file, and then what it is attached to (criu/tun.c). */
function addTun(file: PathFile, { netdev, detached, nsId }: TunfileEntry, { networks }: FilesContext): PathFile {
  const network = netNumber(nsId, networks);
  return {
    ...file,
    ...network === 0 ? {} : { network },
    ...netdev === undefined ? {} : { tun: { device: netdev, isDetached: detached === true } },
  };
}

const F_OWNER_PGRP = 2;
const LAST_SIGNAL = 64;

/** Whether a file can have the owner that it has: of a known kind, and with a signal that exists. */
function isOwned(file: OpenFile): boolean {
  if (file.kind === "unknown" || file.owner === undefined) return true;
  const { kind, signal } = file.owner;
  return kind <= F_OWNER_PGRP && signal <= LAST_SIGNAL;
}

function buildOpenFile(entry: FileEntry, where: string, context: OpenFilesContext): OpenFile {
  const { id } = entry;
  if (entry.reg !== undefined) return buildPathFile(id, entry.reg, { ...context, where });
  if (entry.pipe !== undefined) return buildPipeFile(id, entry.pipe, context);
  if (entry.fifo !== undefined) return buildFifoFile(id, entry.fifo, context);
  if (entry.efd !== undefined) return buildEventFile(id, entry.efd);
  if (entry.epfd !== undefined) return buildEpollFile(id, entry.epfd);
  if (entry.sgfd !== undefined) return buildSignalFile(id, entry.sgfd);
  if (entry.tfd !== undefined) return buildTimerFile(id, entry.tfd);
  if (entry.ify !== undefined) return buildInotifyFile(id, entry.ify, { ...context, where });
  if (entry.ffy !== undefined) return buildFanotifyFile(id, entry.ffy, { ...context, where });
  if (entry.pidfd !== undefined) return buildPidFile(id, entry.pidfd);
  if (entry.nsf !== undefined) return buildNamespaceFile(id, entry.nsf, context.namespaceIds);
  if (entry.memfd !== undefined) return buildMemoryFile(id, entry.memfd, { ...context, where });
  if (entry.isk !== undefined) return buildInetSocket(id, entry.isk, { ...context, where });
  if (entry.psk !== undefined) return buildPacketSocket(id, entry.psk, { ...context, where });
  if (entry.nlsk !== undefined) return buildNetlinkSocket(id, entry.nlsk, context);
  if (entry.tty !== undefined) return buildTerminalFile(id, entry.tty, { ...context, where });
  if (entry.usk !== undefined) return buildUnixSocket(id, entry.usk, { ...context, where });
  if (entry.tunf !== undefined) return { kind: "unknown", id, what: "a tun device without a name" };
  return { kind: "unknown", id, what: UNKNOWN.get(entry.type) ?? `a file of type ${entry.type}` };
}

/**
 * A file that is opened with this flag has it, and does not signal (open(2)): so it is with what can be opened anew.
 * Everything else has it from fcntl(2), with which it takes effect.
 */
function separateAsync(file: OpenFile): OpenFile {
  if (file.kind === "unknown" || file.kind === "path" || file.kind === "memfd") return file;
  if ((file.flags & O_ASYNC) === 0) return file;
  return { ...file, flags: file.flags & ~O_ASYNC, isAsync: true };
}

/** Who is signalled, if anybody is. */
export function buildOwner(fown: FownEntry): { readonly owner?: SignalOwner } {
  const { uid, euid: effectiveUid, signum: signal, pidType: kind, pid } = fown;
  return pid === 0 && signal === 0 ? {} : { owner: { kind, pid, signal, uid, effectiveUid } };
}
