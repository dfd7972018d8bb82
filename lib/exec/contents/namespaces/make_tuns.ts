import type { NetDevice } from "../../../model/namespaces.ts";
import { nameDevice, NOBODY } from "../../../model/net_device.ts";
import { AT_FDCWD, O_CLOEXEC, O_RDWR } from "../../../sys/constants.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { chooseTun, TUNSETPERSIST } from "../files/attach_tun.ts";
import { integers, remoteCall } from "../remote.ts";
import type { NamespacesContext } from "./make_namespaces.ts";

/** Facts of linux/if_tun.h. */
const TUNSETOWNER = 0x4004_54cc;
const TUNSETGROUP = 0x4004_54ce;
const TUNSETVNETHDRSZ = 0x4004_54d8;
const TUNSETIFINDEX = 0x4004_54da;

const HINTS = {
  ENOENT: "this host has no /dev/net/tun",
  ENODEV: "this kernel has no tun devices: modprobe tun",
  EPERM: "that needs CAP_NET_ADMIN",
};

/** Makes those of the devices whose packets go to programs. They stay until the programs have them, and end with these. */
export function makeTuns(context: NamespacesContext, devices: readonly NetDevice[]): RemoteCall[] {
  return devices.flatMap((device) => makeTun(context, device));
}

function makeTun(context: NamespacesContext, device: NetDevice): RemoteCall[] {
  const { name, index, tun } = device;
  if (tun === undefined) return [];
  const { lowest } = context;
  const purpose = { attempt: `Cannot make ${nameDevice(device)}`, hints: HINTS };
  const fd = lowest.take();
  const control = (request: number, argument: Uint8Array | number) => (
    remoteCall(context, "ioctl", [fd, request, argument], purpose)
  );
  const path = cString(context.hostPath("/dev/net/tun"));
  const calls = [
    remoteCall(context, "openat", [AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0], { ...purpose, expected: fd }),
    control(TUNSETIFINDEX, integers(index)),
    chooseTun(context, fd, { name, flags: tun.flags, purpose }),
    ...tun.owner === NOBODY ? [] : [control(TUNSETOWNER, tun.owner)],
    ...tun.group === NOBODY ? [] : [control(TUNSETGROUP, tun.group)],
    control(TUNSETVNETHDRSZ, integers(tun.headerSize)),
    control(TUNSETPERSIST, 1),
    remoteCall(context, "close", [fd], purpose),
  ];
  lowest.release(fd);
  return calls;
}
