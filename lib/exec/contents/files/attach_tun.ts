import { IFF_PERSIST } from "../../../model/net_device.ts";
import type { AttachTunStep } from "../../../plan/contents/files/plan_tun.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, descriptorOf, integers, remoteCall } from "../remote.ts";

/** Facts of linux/if_tun.h; a device is told by the name and the flags of `struct ifreq` (netdevice(7)). */
const TUNSETIFF = 0x4004_54ca;
export const TUNSETPERSIST = 0x4004_54cb;
const TUNSETSNDBUF = 0x4004_54d4;
const TUNSETQUEUE = 0x4004_54d9;
const IFF_DETACH_QUEUE = 0x400;
const IFREQ_SIZE = 40;
const NAME_SIZE = 16;

const HINTS = {
  EPERM: "that needs CAP_NET_ADMIN",
  EINVAL: "this kernel does not have one of its properties",
  E2BIG: "it has as many queues as the kernel allows",
};

export function attachTun(context: ContentsContext, step: AttachTunStep): RemoteCall[] {
  const { handle, what, device, tun, isDetached } = step;
  const fd = descriptorOf(context, handle);
  const purpose = { attempt: `Cannot attach to ${what}`, hints: HINTS };
  const control = (request: number, argument: Uint8Array | number) => (
    remoteCall(context, "ioctl", [fd, request, argument], purpose)
  );
  return [
    chooseTun(context, fd, { name: device, flags: tun.flags, purpose }),
    control(TUNSETSNDBUF, integers(tun.sendBuffer)),
    ...isDetached ? [control(TUNSETQUEUE, describeRequest("", IFF_DETACH_QUEUE))] : [],
    // Without that, the device ends with the last file that is attached to it.
    ...(tun.flags & IFF_PERSIST) === 0 ? [control(TUNSETPERSIST, 0)] : [],
  ];
}

interface Choice {
  readonly name: string;
  readonly flags: number;
  readonly purpose: Parameters<typeof remoteCall>[3];
}

/** Attaches to a device, which is made when it is not there. */
export function chooseTun(context: Pick<ContentsContext, "numbers">, fd: number, choice: Choice): RemoteCall {
  const { name, flags, purpose } = choice;
  return remoteCall(context, "ioctl", [fd, TUNSETIFF, describeRequest(name, flags)], purpose);
}

function describeRequest(name: string, flags: number): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(IFREQ_SIZE);
  request.set(new TextEncoder().encode(name));
  new DataView(request.buffer).setUint16(NAME_SIZE, flags & 0xffff, true);
  return request;
}
