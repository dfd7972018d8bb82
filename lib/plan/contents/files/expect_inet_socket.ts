import type { InetSocket } from "../../../model/files/inet_socket.ts";
import { isConnection } from "../../../model/inet_protocol.ts";
import type { ExpectedFile, ExpectedSocket } from "../expected_file.ts";
import { inNetwork } from "../file_step.ts";

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
export const IPPROTO_UDPLITE = 136;
/** Of net/tcp_states.h; sockets of UDP are in the first one when they are connected, else closed. */
const ESTABLISHED = 1;
const CLOSED = 7;
const LISTENING = 10;

/** What /proc must say of an internet socket. */
export function expectInetSocket(socket: InetSocket): ExpectedFile {
  const { id, flags, local, remote, protocol, network } = socket;
  const expected = { link: "socket:[", isPrefix: true, object: `socket ${id}`, flags, ...inNetwork(network) };
  if (!isListed(socket)) return expected;
  const nobody = { address: new Uint8Array(local.address.length), port: 0 };
  return { ...expected, socket: { protocol, local, remote: remote ?? nobody, state: stateOf(socket) } };
}

/** Closed sockets of TCP are not listed, though they may have an address, and others only when they have a port. */
function isListed({ type, protocol, state, local }: InetSocket): boolean {
  if (type === "raw") return false;
  if (protocol === IPPROTO_TCP) return state !== "closed";
  return (protocol === IPPROTO_UDP || protocol === IPPROTO_UDPLITE) && local.port !== 0;
}

function stateOf(socket: InetSocket): ExpectedSocket["state"] {
  if (isConnection(socket)) return undefined;
  if (socket.state === "listening") return LISTENING;
  return socket.remote === undefined ? CLOSED : ESTABLISHED;
}
