import type { UnixSkEntry } from "../../gen/sockets.ts";
import type { SkPacketEntry } from "../../gen/sk_queue.ts";
import type { WithBytes } from "../../image/content_images.ts";
import { decodeText } from "../../text.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import { netNumber } from "../net_numbers.ts";
import { buildSocketOptions } from "./build_socket_options.ts";
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  type UnixName,
  type UnixPacket,
  type UnixRole,
  type UnixSocket,
  type UnixState,
} from "./unix_socket.ts";

type Context = FilesContext & { readonly where: string };

/** Longest name that the kernel takes (`UNIX_PATH_MAX`, linux/un.h). */
const UNIX_PATH_MAX = 108;
const SCM_RIGHTS = 1;

/** `state` of images/sk-unix.proto: numbers of net/tcp_states.h. */
const STATES: ReadonlyMap<number, UnixState> = new Map([[1, "connected"], [7, "closed"], [10, "listening"]]);

/** Bits of `uflags` (criu/sk-unix.c). */
const ROLES: ReadonlyMap<number, UnixRole> = new Map([
  [0, "ordinary"],
  [1, "external"],
  [2, "service"],
  [4, "plugin"],
]);

export function buildUnixSocket(id: number, entry: UnixSkEntry, context: Context): UnixSocket {
  const { flags, fown, ino: inode, type, peer, backlog, shutdown = 0, opts } = entry;
  const state = STATES.get(entry.state);
  const role = ROLES.get(entry.uflags);
  if (state === undefined) complain(context, `its state ${entry.state} is unknown`);
  if (shutdown > (RCV_SHUTDOWN | SEND_SHUTDOWN)) complain(context, `its shutdown ${shutdown} is unknown`);
  if (role === undefined) complain(context, `its flags ${entry.uflags} are unknown`);
  return {
    kind: "unix",
    id,
    flags,
    ...buildOwner(fown),
    inode,
    type,
    state: state ?? "closed",
    peer,
    backlog: state === "listening" ? backlog : 0,
    ...buildName(entry, context),
    shutdown,
    options: buildSocketOptions(opts),
    packets: context.images.packets.filter((packet) => packet.entry.idFor === id).map(buildPacket),
    role: role ?? "ordinary",
    network: netNumber(entry.nsId, context.networks),
  };
}

function complain({ problems, where }: Context, what: string): void {
  problems.push({ where, what });
}

/** An abstract name begins with a NUL and may have more; a path ends with one. */
function buildName(entry: UnixSkEntry, context: Context): { readonly name?: UnixName } {
  const { name: bytes, nameDir: directory, deleted, filePerms, mntId } = entry;
  if (bytes.length === 0) return {};
  if (bytes[0] === 0) {
    if (bytes.length > UNIX_PATH_MAX) complain(context, `its name has more than ${UNIX_PATH_MAX} bytes`);
    return { name: { kind: "abstract", bytes: bytes.subarray(1) } };
  }
  const end = bytes.indexOf(0);
  const path = bytes.subarray(0, end === -1 ? bytes.length : end);
  if (path.length > UNIX_PATH_MAX) complain(context, `its name has more than ${UNIX_PATH_MAX} bytes`);
  return {
    name: {
      kind: "path",
      path: decodeText(path),
      ...directory === undefined ? {} : { directory },
      isDeleted: deleted === true,
      ...filePerms === undefined ? {} : { permissions: filePerms },
      ...mntId === undefined || mntId === -1 ? {} : { mount: mntId },
    },
  };
}

function buildPacket({ entry: { scm }, bytes }: WithBytes<SkPacketEntry>): UnixPacket {
  return {
    bytes,
    rights: scm.flatMap(({ type, rights }) => type === SCM_RIGHTS ? rights : []),
    unknownControls: scm.flatMap(({ type }) => type === SCM_RIGHTS ? [] : [type]),
  };
}
