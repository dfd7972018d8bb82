import type { PipeStep } from "../../../plan/contents/files/plan_pipe.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, type Purpose, remoteCall } from "../remote.ts";
import { close, create, duplicate, type FilesContext } from "./file_calls.ts";

const AT_FDCWD = -100;
const O_RDWR = 2;
const O_ACCMODE = 3;
/** The kernel sets it for all that is opened by a name, and pipe2(2) does not. */
const O_LARGEFILE = 0o100000;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;

/**
 * The two ends that pipe2(2) makes are used for the first of each kind that was not opened by a name; others are opened
 * again.
 */
export function makePipe(context: FilesContext, { ends, bytes, capacity, what }: PipeStep): RemoteCall[] {
  const { lowest } = context;
  const purpose: Purpose = { attempt: `Cannot make ${what}` };
  const [reader, writer] = [lowest.take(), lowest.take()];
  const calls = [
    remoteCall(context, "pipe2", [{ output: new Uint8Array(8) }, 0], purpose),
    ...fillPipe(context, { fd: writer, bytes, capacity, what }),
  ];
  const used = new Set<number>();
  for (const { handle, flags } of ends) {
    const fd = (flags & O_ACCMODE) === 0 ? reader : writer;
    if (used.has(fd) || (flags & O_ACCMODE) === O_RDWR || (flags & O_LARGEFILE) !== 0) {
      const path = context.hostPath(`/proc/self/fd/${fd}`);
      calls.push(...create(context, handle, (again) => [
        remoteCall(context, "openat", [AT_FDCWD, cString(path), flags], { ...purpose, expected: again }),
      ]));
    } else {
      used.add(fd);
      if ((flags & ~O_ACCMODE) !== 0) calls.push(remoteCall(context, "fcntl", [fd, F_SETFL, flags], purpose));
      calls.push(duplicate(context, fd, handle));
    }
  }
  calls.push(close(context, reader), close(context, writer));
  lowest.release(reader);
  lowest.release(writer);
  return calls;
}

/** Most bytes in one write: what goes through the shared memory at once. */
const CHUNK = 65536;

/** Makes a pipe as large as it was, and writes what was in it: that fits, so nothing blocks. */
export function fillPipe(
  context: ContentsContext,
  { fd, bytes, capacity, what }: {
    readonly fd: number;
    readonly bytes: Uint8Array;
    readonly capacity: number | undefined;
    readonly what: string;
  },
): RemoteCall[] {
  const calls: RemoteCall[] = [];
  if (capacity !== undefined) {
    const hints = { EPERM: "it is larger than the sysctl fs.pipe-max-size allows", EBUSY: "it is too small" };
    calls.push(remoteCall(context, "fcntl", [fd, F_SETPIPE_SZ, capacity], {
      attempt: `Cannot make room for ${capacity} bytes in ${what}`,
      hints,
    }));
  }
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const part = bytes.subarray(at, at + CHUNK);
    const attempt = `Cannot put ${bytes.length} bytes into ${what}`;
    calls.push(remoteCall(context, "write", [fd, part, part.length], { attempt, expected: part.length }));
  }
  return calls;
}
