import type { UnixSkEntry } from "../../gen/sockets.ts";
import { buildOwner } from "../build_open_files.ts";
import type { UnixSocket } from "./unix_socket.ts";

export function buildUnixSocket(id: number, { flags, fown, ino: inode, type }: UnixSkEntry): UnixSocket {
  return { kind: "unix", id, flags, ...buildOwner(fown), inode, type };
}
