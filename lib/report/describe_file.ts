import type { Contents } from "../model/contents.ts";
import type { InetSocket } from "../model/files/inet_socket.ts";
import type { PathFile } from "../model/files/path_file.ts";
import type { PipeContent } from "../model/files/pipe_file.ts";
import type { TerminalFile } from "../model/files/terminal_file.ts";
import { nameInetSocket } from "../model/inet_protocol.ts";
import type { OpenFile } from "../model/open_file.ts";
import { count, printable } from "./printable.ts";

const O_ACCMODE = 3;
const ACCESS = ["for reading", "for writing", "for both"];

const OWNERS = { tasks: "the tasks", dumper: "the host", others: "others" } as const;

/** An open file in a few words: `"/var/log/a"`, `"pipe 7 for reading, 12 bytes"`. */
export function describeFile(file: OpenFile, contents: Pick<Contents, "files">): string {
  switch (file.kind) {
    case "path":
      return describePathFile(file);
    case "pipe":
      return `pipe ${file.pipe.id} ${accessOf(file.flags)}${describeBytes(file.pipe)}`;
    case "fifo":
      return `FIFO ${nameOf(contents, file.named)}${describeBytes(file.pipe)}`;
    case "eventfd":
      return `eventfd, counter ${file.counter}`;
    case "epoll":
      return `epoll, ${count(file.watches.length, "watch", "watches")}`;
    case "signalfd":
      return "signalfd";
    case "timerfd":
      return "timerfd";
    case "inotify":
      return `inotify, ${count(file.watches.length, "watch", "watches")}`;
    case "fanotify":
      return `fanotify, ${count(file.marks.length, "mark")}`;
    case "pidfd":
      return file.pid === undefined ? "pidfd of a process that has ended" : `pidfd of ${file.pid}`;
    case "namespace":
      return `${file.of} namespace of ${file.pid === undefined ? OWNERS[file.whose] : `task ${file.pid}`}`;
    case "memfd":
      return `memfd ${printable(file.inode.name)}, ${describeSize(file.inode.size)}`;
    case "terminal":
      return describeTerminal(file);
    case "unix":
      return `unix socket ${file.inode}`;
    case "inet":
      return describeInetSocket(file);
    case "netlink":
      return `netlink socket ${file.port} of protocol ${file.protocol}`;
    case "packet":
      return `packet socket of protocol ${file.protocol}`;
    case "unknown":
      return file.what;
  }
}

function describeInetSocket(socket: InetSocket): string {
  return nameInetSocket(socket) + (socket.type === "stream" ? `, ${socket.state}` : "");
}

function describeTerminal({ path = "a terminal that others provide", terminal }: TerminalFile): string {
  const { type, index, settings, queue } = terminal;
  const what = type === "master" ? `${printable(path)}, the master of /dev/pts/${index}` : printable(path);
  return what + (settings === undefined ? ", hung up" : "") + describeBytes({ bytes: queue });
}

function describePathFile({ path, remap, tun }: PathFile): string {
  const fate = { linked: ", linked elsewhere", ghost: ", deleted", "dead-task": ", of a task that is gone" };
  const device = tun === undefined ? "" : `, device ${printable(tun.device)}`;
  return printable(path) + (remap === undefined ? "" : fate[remap.kind]) + device;
}

function nameOf({ files }: Pick<Contents, "files">, id: number): string {
  const file = files.get(id);
  return file?.kind === "path" ? describePathFile(file) : `of file ${id}`;
}

function accessOf(flags: number): string {
  return ACCESS[flags & O_ACCMODE] ?? "";
}

function describeBytes({ bytes }: Pick<PipeContent, "bytes">): string {
  return bytes.length === 0 ? "" : `, ${count(bytes.length, "byte")}`;
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes: `"4 KiB"`, `"41.2 MiB"`. */
export function describeSize(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
