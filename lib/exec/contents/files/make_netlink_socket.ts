import type { NetlinkSocketStep } from "../../../plan/contents/files/plan_netlink_socket.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";
import { compileSocketOptions, type OptionValue, setOption } from "./socket_options.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const F_SETFL = 4;

const HINTS = {
  EPROTONOSUPPORT: "this kernel does not have that protocol",
  EADDRINUSE: "something else on this host has its port",
  EINVAL: "this kernel does not have the group",
};

export function makeNetlinkSocket(context: FilesContext, step: NetlinkSocketStep): RemoteCall[] {
  const { handle, what, protocol, port, groups, remote, options, flags } = step;
  return create(context, handle, (fd) => [
    remoteCall(context, "socket", [AF_NETLINK, SOCK_RAW, protocol], {
      attempt: `Cannot make ${what}`,
      hints: HINTS,
      expected: fd,
    }),
    ...port === undefined ? [] : [
      remoteCall(context, "bind", [fd, ...pointer(encodeAddress(port, 0))], {
        attempt: `Cannot bind ${what}`,
        hints: HINTS,
      }),
    ],
    ...groups.map((group) => setOption(context, { fd, what }, membership(group))),
    ...remote === undefined ? [] : [
      remoteCall(context, "connect", [fd, ...pointer(encodeAddress(remote.port, remote.group))], {
        attempt: `Cannot connect ${what}`,
      }),
    ],
    ...compileSocketOptions(context, { fd, what }, options),
    remoteCall(context, "fcntl", [fd, F_SETFL, flags], { attempt: `Cannot set the flags of ${what}` }),
  ]);
}

function membership(group: number): OptionValue {
  return { level: SOL_NETLINK, option: NETLINK_ADD_MEMBERSHIP, name: `NETLINK_ADD_MEMBERSHIP ${group}`, value: group };
}

/** `struct sockaddr_nl` of netlink(7); it has room for 32 groups, which is what can be connected to. */
function encodeAddress(port: number, group: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(4, port, true);
  view.setUint32(8, group === 0 ? 0 : 1 << (group - 1), true);
  return new Uint8Array(view.buffer);
}

function pointer(bytes: Uint8Array): readonly [Uint8Array, number] {
  return [bytes, bytes.length];
}
