/** Remote calls as text, for tests of what compiles to them. */
import type { FilesContext } from "../../lib/exec/contents/files/file_calls.ts";
import { LowestDescriptors } from "../../lib/exec/contents/remote.ts";
import { decodeText } from "../../lib/text.ts";
import type { RemoteArgument, RemoteCall } from "../../lib/tracee/remote_call.ts";
import { SYSCALLS_X86_64 } from "../../lib/tracee/syscalls_x86_64.ts";

/** A context in which nothing is open; handle 0 is descriptor 101. */
export function filesContext(): FilesContext {
  return {
    numbers: SYSCALLS_X86_64,
    base: 100,
    hostPath: (path) => path,
    nameOf: (id) => `task ${id}`,
    profiles: new Map(),
    comparison: { resolve: () => [] },
    ownCapabilities: { permitted: 0n, effective: 0n, bounding: 0n },
    choosesTimerIds: true,
    images: new Map(),
    mountNamespaces: [],
    netNamespaces: [],
    isInUserNamespace: false,
    lowest: new LowestDescriptors([]),
    scratch: 0x1000_0000,
    now: () => 0n,
    ownPid: 1,
    pidOf: (id) => id,
    groupOf: (id) => id,
    makeProcess: () => 1,
  };
}

/** `openat -100 "/a" 0 = 3`: text in quotes, other memory in hexadecimal, and the result that is expected. */
export function renderCall({ purpose, arguments: args, expected }: RemoteCall): string {
  const result = expected === undefined ? "" : ` = ${expected}`;
  return [purpose.call, ...args.map(renderArgument)].join(" ") + result;
}

function renderArgument(argument: RemoteArgument): string {
  if (typeof argument !== "object") return String(argument);
  if (argument instanceof Uint8Array) return renderBytes(argument);
  if ("struct" in argument) {
    const pointers = argument.pointers.map(([offset, target]) => `${offset}: ${renderArgument(target)}`);
    return `{${[argument.struct.toHex(), ...pointers].join(", ")}}`;
  }
  return "output" in argument ? `[${argument.output.length}]` : JSON.stringify(argument);
}

function renderBytes(bytes: Uint8Array): string {
  const isText = bytes.at(-1) === 0 && bytes.subarray(0, -1).every((byte) => byte >= 0x20 && byte < 0x7f);
  return isText ? JSON.stringify(decodeText(bytes.subarray(0, -1))) : bytes.toHex();
}
