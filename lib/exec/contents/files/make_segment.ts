import type { SegmentStep } from "../../../plan/contents/files/plan_segment.ts";
import { cString, type RemoteCall } from "../../../tracee/remote_call.ts";
import { type Purpose, remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";

const AT_FDCWD = -100;
const O_RDWR = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_ANONYMOUS = 0x20;
const MAP_FIXED_NOREPLACE = 0x10_0000;

/** A mapping of the coordinator's is opened through /proc: so the segment is what mmap(2) makes, and no file. */
export function makeSegment(context: FilesContext, { handle, size, what }: SegmentStep): RemoteCall[] {
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
