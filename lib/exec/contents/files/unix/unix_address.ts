import type { AbstractName } from "../../../../model/files/unix_socket.ts";
import type { UnixAddress } from "../../../../plan/contents/files/unix/unix_step.ts";
import { encodeText } from "../../../../text.ts";
import { type ContentsContext, descriptorOf } from "../../remote.ts";

const AF_UNIX = 1;
/** Where the name begins in `struct sockaddr_un`, and how long it may be (linux/un.h). */
const NAME_OFFSET = 2;
const UNIX_PATH_MAX = 108;

/** `struct sockaddr_un` for a path of 108 bytes at most. */
export function encodePath(path: string): Uint8Array {
  const bytes = encodeText(path);
  // The longest has no room for a NUL at its end.
  return encodeName(bytes, Math.min(bytes.length + 1, UNIX_PATH_MAX));
}

export function encodeAbstract({ bytes }: AbstractName): Uint8Array {
  const name = new Uint8Array(bytes.length + 1);
  name.set(bytes, 1);
  return encodeName(name, name.length);
}

/** How a call finds a socket; by the coordinator's descriptor of its file, when it has one. */
export function encodeAddress(context: ContentsContext, address: UnixAddress): Uint8Array {
  if (address.kind === "abstract") return encodeAbstract(address);
  return encodePath(context.hostPath(`/proc/self/fd/${descriptorOf(context, address.handle)}`));
}

/** An address of no family: connecting to it ends a connection. */
export function encodeNobody(): Uint8Array {
  return new Uint8Array(NAME_OFFSET);
}

function encodeName(name: Uint8Array, length: number): Uint8Array {
  const address = new Uint8Array(NAME_OFFSET + length);
  address[0] = AF_UNIX;
  address.set(name, NAME_OFFSET);
  return address;
}
