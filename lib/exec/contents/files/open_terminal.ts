import type { OpenOwnTerminalStep } from "../../../plan/contents/files/plan_own_terminal.ts";
import type { OpenTerminalStep } from "../../../plan/contents/files/plan_terminal_device.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";

const AT_FDCWD = -100;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;

/** Without O_NONBLOCK, a serial line waits for the other end when it is opened. */
export function openTerminal(context: FilesContext, { handle, path, flags, what }: OpenTerminalStep): RemoteCall[] {
  const purpose = {
    attempt: `Cannot open ${JSON.stringify(what)}`,
    hints: { ENXIO: "this host has no such device", EBUSY: "a program uses it alone (TIOCEXCL)" },
  };
  return create(context, handle, (fd) => [
    remoteCall(context, "openat", [AT_FDCWD, cString(path), flags | O_NOCTTY | O_NONBLOCK], {
      ...purpose,
      expected: fd,
    }),
    ...(flags & O_NONBLOCK) !== 0 ? [] : [remoteCall(context, "fcntl", [fd, F_SETFL, flags], purpose)],
  ]);
}

/** Not the same open file as cgrestore's: that is shared with whoever has started it. */
export function openOwnTerminal(context: FilesContext, step: OpenOwnTerminalStep): RemoteCall[] {
  const { handle, descriptor, flags, what } = step;
  const path = cString(context.hostPath(`/proc/self/fd/${descriptor}`));
  return create(context, handle, (fd) => [
    remoteCall(context, "openat", [AT_FDCWD, path, flags | O_NOCTTY], {
      attempt: `Cannot open the terminal of cgrestore, ${JSON.stringify(what)}`,
      expected: fd,
    }),
  ]);
}
