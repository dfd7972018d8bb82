import type { FileStep, OpenPathStep, PipeStep, SegmentStep } from "../../plan/contents/file_step.ts";
import { cString, type RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, descriptorOf, type LowestDescriptors, type Purpose, remoteCall } from "./remote.ts";

const AT_FDCWD = -100;
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_ACCMODE = 3;
const O_PATH = 0o10000000;
const SEEK_SET = 0;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
const EFD_SEMAPHORE = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_ANONYMOUS = 0x20;
const MAP_FIXED_NOREPLACE = 0x10_0000;

/** What making files in the coordinator has to know. */
export interface FilesContext extends ContentsContext {
  /** The coordinator's lowest descriptors. */
  readonly lowest: LowestDescriptors;
  /** An address at which the coordinator can map things for a while. */
  readonly scratch: number;
}

/** The calls that make the files of one step, each at its own descriptor; none is left open besides. */
export function compileFileStep(context: FilesContext, step: FileStep): RemoteCall[] {
  switch (step.kind) {
    case "open-path":
      return openPath(context, step);
    case "make-pipe":
      return makePipe(context, step);
    case "make-eventfd": {
      const purpose = { attempt: `Cannot make an eventfd` };
      // Without EFD_SEMAPHORE: CRIU does not keep it.
      const flags = step.flags & O_NONBLOCK & ~EFD_SEMAPHORE;
      return create(context, step.handle, (fd) => [
        remoteCall(context, "eventfd2", [step.counter, flags], { ...purpose, expected: fd }),
      ]);
    }
    case "make-segment":
      return makeSegment(context, step);
  }
}

/** Makes a file at the lowest descriptor, and moves it to its own. */
function create(context: FilesContext, handle: number, make: (fd: number) => RemoteCall[]): RemoteCall[] {
  const { lowest } = context;
  const fd = lowest.take();
  const calls = [...make(fd), ...move(context, fd, handle)];
  lowest.release(fd);
  return calls;
}

/** Duplicates a descriptor to its own number, and closes it. */
function move(context: FilesContext, fd: number, handle: number): RemoteCall[] {
  return [duplicate(context, fd, handle), close(context, fd)];
}

function duplicate(context: FilesContext, fd: number, handle: number): RemoteCall {
  const hints = { EBADF: "the limit of open files is too low: raise it, ulimit -n" };
  return remoteCall(context, "dup3", [fd, descriptorOf(context, handle), 0], {
    attempt: "Cannot keep an open file for the tasks",
    hints,
  });
}

function close(context: FilesContext, fd: number): RemoteCall {
  return remoteCall(context, "close", [fd], { attempt: "Cannot close a file" });
}

const OPEN_HINTS = {
  ENOENT: "it has gone since the plan was made",
  EACCES: "it may not be opened that way",
  ETXTBSY: "a program that is running cannot be opened for writing",
  ENXIO: "nothing is behind it",
};

function openPath(context: FilesContext, { handle, path, flags, position }: OpenPathStep): RemoteCall[] {
  const attempt = `Cannot open ${JSON.stringify(path)}`;
  return create(context, handle, (fd) => {
    const open = remoteCall(context, "openat", [AT_FDCWD, cString(path), flags], {
      attempt,
      hints: OPEN_HINTS,
      expected: fd,
    });
    if (position === 0 || (flags & O_PATH) !== 0) return [open];
    return [open, remoteCall(context, "lseek", [fd, position, SEEK_SET], { attempt: `Cannot seek in "${path}"` })];
  });
}

/** The two ends that pipe2(2) makes are used for the first of each kind; others are opened again. */
function makePipe(context: FilesContext, { ends, bytes, capacity, what }: PipeStep): RemoteCall[] {
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
    if (used.has(fd) || (flags & O_ACCMODE) === O_RDWR) {
      const path = `/proc/self/fd/${fd}`;
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

/** A mapping of the coordinator's is opened through /proc: so the segment is what mmap(2) makes, and no file. */
function makeSegment(context: FilesContext, { handle, size, what }: SegmentStep): RemoteCall[] {
  const { scratch } = context;
  const purpose: Purpose = {
    attempt: `Cannot make ${what}`,
    hints: { EPERM: "that needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN" },
  };
  const flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  const path = `/proc/self/map_files/${scratch.toString(16)}-${(scratch + size).toString(16)}`;
  return create(context, handle, (fd) => [
    remoteCall(context, "mmap", [scratch, size, PROT_READ_WRITE, flags, -1, 0], { ...purpose, expected: scratch }),
    remoteCall(context, "openat", [AT_FDCWD, cString(path), O_RDWR], { ...purpose, expected: fd }),
    remoteCall(context, "munmap", [scratch, size], purpose),
  ]);
}
