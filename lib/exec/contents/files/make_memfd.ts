import type {
  AdjustStep,
  MemfdStep,
  ReopenStep,
  SealStep,
  WriteStep,
} from "../../../plan/contents/files/plan_memory_file.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf, remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";
import { writeContent } from "./write_content.ts";

const AT_FDCWD = -100;
const SEEK_SET = 0;
const F_SETFL = 4;
const F_ADD_SEALS = 1033;

export function makeMemfd(context: FilesContext, step: MemfdStep): RemoteCall[] {
  const { handle, name, size, flags, mode, uid, gid, what } = step;
  const purpose = { attempt: `Cannot make ${what} of ${size} bytes`, hints: MEMFD_HINTS };
  return create(context, handle, (fd) => [
    remoteCall(context, "memfd_create", [cString(name), flags], { ...purpose, expected: fd }),
    remoteCall(context, "ftruncate", [fd, size], purpose),
    ...uid === 0 && gid === 0 ? [] : [remoteCall(context, "fchown", [fd, uid, gid], purpose)],
    ...mode === undefined ? [] : [remoteCall(context, "fchmod", [fd, mode], purpose)],
  ]);
}

const MEMFD_HINTS = {
  ENOENT: "this kernel has no huge pages of that size",
  ENODEV: "this kernel has no huge pages of that size",
  EACCES: "the sysctl vm.memfd_noexec forbids it",
  ENOMEM: "there are too few huge pages: see the sysctl vm.nr_hugepages",
};

export function reopen(context: FilesContext, { handle, from, flags, position, what }: ReopenStep): RemoteCall[] {
  const purpose = { attempt: `Cannot open ${what} again` };
  const path = cString(context.hostPath(`/proc/self/fd/${descriptorOf(context, from)}`));
  return create(context, handle, (fd) => [
    remoteCall(context, "openat", [AT_FDCWD, path, flags], { ...purpose, expected: fd }),
    ...position === undefined || Number(position) === 0
      ? []
      : [remoteCall(context, "lseek", [fd, position, SEEK_SET], purpose)],
  ]);
}

export function adjust(context: FilesContext, { handle, flags, position, what }: AdjustStep): RemoteCall[] {
  const purpose = { attempt: `Cannot set the position and flags of ${what}` };
  const fd = descriptorOf(context, handle);
  return [
    remoteCall(context, "fcntl", [fd, F_SETFL, flags], purpose),
    remoteCall(context, "lseek", [fd, position, SEEK_SET], purpose),
  ];
}

export function writeContents(context: FilesContext, { handle, content, what }: WriteStep): RemoteCall[] {
  return content.flatMap((part) => writeContent(context, { fd: descriptorOf(context, handle), content: part, what }));
}

export function seal(context: FilesContext, { handle, seals, what }: SealStep): RemoteCall[] {
  return [remoteCall(context, "fcntl", [descriptorOf(context, handle), F_ADD_SEALS, seals], {
    attempt: `Cannot seal ${what}`,
    hints: { EBUSY: "something still maps it for writing" },
  })];
}
