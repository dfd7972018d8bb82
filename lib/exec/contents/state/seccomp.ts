import type { ThreadContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall } from "../remote.ts";

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_STRICT = 1;
const SECCOMP_SET_MODE_FILTER = 1;

/** `struct sock_fprog`: a count of instructions of 8 bytes, and where they are. */
export function compileSeccomp(context: ContentsContext, { seccomp }: ThreadContents, name: string): RemoteCall[] {
  const hints = { EACCES: "that needs CAP_SYS_ADMIN", EINVAL: "this kernel does not take the filter" };
  const purpose = { attempt: `Cannot install a seccomp filter in ${name}`, hints };
  if (seccomp === "strict") {
    return [remoteCall(context, "prctl", [PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0], purpose)];
  }
  return seccomp.map(({ program, flags }) => {
    const struct = new Uint8Array(16);
    new DataView(struct.buffer).setUint16(0, program.length / 8, true);
    const pointers = [[8, program]] as const;
    return remoteCall(context, "seccomp", [SECCOMP_SET_MODE_FILTER, flags, { struct, pointers }], purpose);
  });
}
