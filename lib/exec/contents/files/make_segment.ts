import type { SegmentStep } from "../../../plan/contents/files/plan_segment.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type Purpose, remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";

const AT_FDCWD = -100;
const O_RDWR = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_ANONYMOUS = 0x20;
const MAP_FIXED_NOREPLACE = 0x10_0000;
/** As much is mapped at once; what is larger gets its size afterwards. */
const MAX_MAPPED = 2 ** 30;

/** A mapping of the coordinator's is opened through /proc: so the segment is what mmap(2) makes, and no file. */
export function makeSegment(context: FilesContext, { handle, size, flags, what }: SegmentStep): RemoteCall[] {
  const { scratch } = context;
  const purpose: Purpose = { attempt: `Cannot make ${what} of ${size} bytes`, hints: SEGMENT_HINTS };
  const mapped = Math.min(size, MAX_MAPPED);
  const sharing = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  const range = `${scratch.toString(16)}-${(scratch + mapped).toString(16)}`;
  const path = context.hostPath(`/proc/self/map_files/${range}`);
  return create(context, handle, (fd) => [
    remoteCall(context, "mmap", [scratch, mapped, PROT_READ_WRITE, sharing | flags, -1, 0], {
      ...purpose,
      expected: scratch,
    }),
    remoteCall(context, "openat", [AT_FDCWD, cString(path), O_RDWR], { ...purpose, expected: fd }),
    remoteCall(context, "munmap", [scratch, mapped], purpose),
    ...mapped === size ? [] : [remoteCall(context, "ftruncate", [fd, size], purpose)],
  ]);
}

const SEGMENT_HINTS = {
  ENOMEM: "there is too little memory, or there are too few huge pages: see the sysctl vm.nr_hugepages",
  EPERM: "that needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN",
};
