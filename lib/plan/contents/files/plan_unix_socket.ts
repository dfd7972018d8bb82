import { renderUnixName } from "../../../model/files/unix_name.ts";
import { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, type UnixSocket } from "../../../model/files/unix_socket.ts";
import { ELSEWHERE } from "../../../model/net_numbers.ts";
import type { Handle } from "../contents_plan.ts";
import type { ExpectedFile } from "../expected_file.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import { inNetwork } from "../file_step.ts";
import { planInheritedFile } from "./plan_inherited_file.ts";
import { IN_OTHER_NETWORK } from "./plan_inet_socket.ts";
import { UnixDatagrams } from "./unix/plan_unix_datagrams.ts";
import { UnixStreams } from "./unix/plan_unix_streams.ts";
import { keyOf, nameOf, UnixDraft } from "./unix/unix_draft.ts";
import { UnixNames } from "./unix/unix_names.ts";

/** What planning a unix socket has to know. */
interface UnixQuestions {
  readonly holder: string;
  /** Plans any open file, as `planFile` does. */
  readonly planInFlight: (id: number, holder: string) => Handle | undefined;
}

/** The handle of a unix socket. All of them are planned with the first, and with them the files in flight. */
export function planUnixSocket(
  planner: FilePlanner,
  socket: UnixSocket,
  { holder, planInFlight }: UnixQuestions,
): Handle | undefined {
  const inherited = planInheritedSocket(planner, socket);
  if (inherited !== undefined) return inherited;
  if (socket.role === "external") return planner.refuse(holder, `${nameOf(socket)} is outside of the checkpoint`);
  const draft = new UnixDraft(planner);
  const { sockets } = draft.graph;
  for (const one of sockets) planner.fileHandle(one.id, expectSocket(one));
  for (const one of sockets) refuseStrange(draft, one);
  for (const { packets, ...one } of sockets) {
    for (const file of packets.flatMap(({ rights }) => rights)) planInFlight(file, `in flight to ${nameOf(one)}`);
  }
  planAll(draft);
  return planner.get(fileKey(socket.id));
}

/** The handle of what the user provides for a socket, as it is. */
function planInheritedSocket(planner: FilePlanner, socket: UnixSocket): Handle | undefined {
  const inherited = planInheritedFile(planner, [keyOf(socket)]);
  if (inherited === undefined) return undefined;
  const { handle, expected } = inherited;
  planner.know(fileKey(socket.id), handle, expected);
  if (socket.packets.length > 0) {
    planner.notes.push(`what was in the queue of ${nameOf(socket)} is not restored: it is inherited`);
  }
  return handle;
}

function planAll(draft: UnixDraft): void {
  const names = new UnixNames(draft);
  const streams = new UnixStreams(draft, names);
  const datagrams = new UnixDatagrams(draft, names);
  streams.plan();
  datagrams.plan();
  draft.planner.defer(() => {
    datagrams.planConnecting();
    streams.planPackets();
    planEnd(draft);
  });
}

/** All that would get into the way before comes last. */
function planEnd(draft: UnixDraft): void {
  const { graph, standIns, shutDown, nameless } = draft;
  for (const [socket, handle] of standIns) draft.plan(`the peer of ${nameOf(socket)}`, { kind: "close", handle });
  for (const socket of graph.sockets) {
    const sides = socket.shutdown & ~(shutDown.get(socket) ?? 0);
    if (sides !== 0) draft.plan(nameOf(socket), { kind: "shut-down", handle: draft.handleOf(socket), sides });
  }
  for (const socket of graph.sockets) {
    const { options, flags } = socket;
    draft.plan(nameOf(socket), { kind: "settle", handle: draft.handleOf(socket), options, flags });
  }
  for (const { name: _, ...socket } of nameless) {
    draft.planner.know(fileKey(socket.id), draft.handleOf(socket), expectSocket(socket));
  }
}

const TYPES: ReadonlySet<number> = new Set([SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET]);

function refuseStrange(draft: UnixDraft, socket: UnixSocket): void {
  const { type, role, network, packets } = socket;
  if (!TYPES.has(type)) draft.refuse(socket, `its type ${type} is unknown`);
  if (role === "plugin") draft.refuse(socket, "only the plugin of CRIU that has dumped it can restore it");
  if (network === ELSEWHERE) draft.refuse(socket, IN_OTHER_NETWORK);
  for (const control of new Set(packets.flatMap(({ unknownControls }) => unknownControls))) {
    draft.refuse(socket, `control messages of type ${control} in its queue cannot be restored`);
  }
}

function expectSocket({ inode, type, state, role, flags, name, network, packets }: UnixSocket): ExpectedFile {
  const filesInFlight = packets.reduce((sum, { rights }) => sum + rights.length, 0);
  return {
    link: "socket:[",
    isPrefix: true,
    object: `unix socket ${inode}`,
    flags,
    ...inNetwork(network),
    // Of a socket that listens, those are counted that have been sent to sockets which it has not accepted.
    ...state === "listening" ? {} : { lines: [`scm_fds: ${filesInFlight}`] },
    unix: {
      type,
      isListening: state === "listening",
      // Of datagram sockets, older kernels do not tell.
      ...type === SOCK_DGRAM ? {} : { isConnected: state === "connected" || role === "service" },
      name: name === undefined ? "" : renderUnixName(name),
    },
  };
}
