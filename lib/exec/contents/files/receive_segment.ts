import { unmap } from "../../../model/inet_address.ts";
import type { ConnectedSocket, TcpSegment } from "../../../plan/contents/files/plan_connection.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { integers, type Purpose, remoteCall } from "../remote.ts";
import { close, type FilesContext } from "./file_calls.ts";
import { AF_INET, AF_INET6, encodeEndpoint } from "./inet_address.ts";
import { setOption, type SocketReference } from "./socket_options.ts";
import { encodeSegment } from "./tcp_segment.ts";

const SOCK_RAW = 3;
const IPPROTO_RAW = 255;
const POLLRDHUP = 0x2000;
const SO_BINDTODEVICE = { level: 1, option: 25, name: "SO_BINDTODEVICE" };
const SO_MARK = { level: 1, option: 36, name: "SO_MARK" };

/** Packets with this mark are let through while CRIU has locked a connection (`SOCCR_MARK`, soccr/soccr.h). */
const UNLOCKED = 0xc114;

/** How long a segment may be under way within this host. */
const PATIENCE_MS = 5000;

/**
 * Lets a connected socket receive a segment as if the other side had sent it: there is no other way to tell it that
 * the other side has ended.
 */
export function receiveSegment(
  context: FilesContext,
  { fd, what }: SocketReference,
  { socket, segment }: { readonly socket: ConnectedSocket; readonly segment: TcpSegment },
): RemoteCall[] {
  const { lowest } = context;
  const { local, remote, options: { device } } = socket;
  const address = unmap(local.address);
  const purpose = { attempt: `Cannot let ${what} receive the end of its stream` };
  const raw = { fd: lowest.take(), what: `the raw socket for ${what}` };
  const packet = encodeSegment(segment, { from: remote, to: local });
  const target = encodeEndpoint({ address, port: 0 });
  const calls = [
    remoteCall(context, "socket", [address.length === 4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW], {
      ...purpose,
      hints: { EPERM: "that needs CAP_NET_RAW" },
      expected: raw.fd,
    }),
    setOption(context, raw, { ...SO_MARK, value: UNLOCKED }),
    ...device === undefined ? [] : [setOption(context, raw, { ...SO_BINDTODEVICE, value: cString(device) })],
    remoteCall(context, "sendto", [raw.fd, packet, packet.length, 0, target, target.length], {
      ...purpose,
      expected: packet.length,
    }),
    close(context, raw.fd),
    ...segment.isLast ? [awaitEnd(context, fd, purpose)] : [],
  ];
  lowest.release(raw.fd);
  return calls;
}

function awaitEnd(context: FilesContext, fd: number, purpose: Purpose): RemoteCall {
  return remoteCall(context, "poll", [integers(fd, POLLRDHUP), 1, PATIENCE_MS], {
    ...purpose,
    expected: 1,
    hints: { EPROTO: "something keeps packets from it, a rule of a firewall perhaps" },
  });
}
