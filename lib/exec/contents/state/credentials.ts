import { bitsOf } from "../../../model/bits.ts";
import type { Credentials } from "../../../model/task_state.ts";
import type { ThreadContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, integers, remoteCall } from "../remote.ts";

const PR_CAPBSET_DROP = 24;
const PR_SET_SECUREBITS = 28;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const SECBIT_NO_SETUID_FIXUP = 1 << 2;
const CAPABILITY_VERSION_3 = 0x2008_0522;

/**
 * In an order in which no step takes away what the next one needs (capabilities(7)): capabilities can be inheritable
 * that are not in the bounding set any more, and ambient although none may be raised any more.
 */
export function compileCredentials(
  context: ContentsContext,
  { credentials: c, changesCredentials }: ThreadContents,
  name: string,
): RemoteCall[] {
  if (c === undefined || !changesCredentials) return [];
  const call = caller(context, name);
  const { ownCapabilities: own } = context;
  return [
    call("setgroups", c.groups.length, integers(...c.groups)),
    // Else capabilities would go with the uid.
    call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0),
    call("setresuid", c.uid, c.effectiveUid, c.savedUid),
    call("setfsuid", c.fsUid),
    call("setresgid", c.gid, c.effectiveGid, c.savedGid),
    call("setfsgid", c.fsGid),
    setCapabilities(call, { ...own, inheritable: c.inheritable }),
    ...bitsOf(own.bounding & ~c.bounding).map((bit) => call("prctl", PR_CAPBSET_DROP, bit, 0, 0, 0)),
    ...bitsOf(c.ambient).map((bit) => call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit, 0, 0)),
    call("prctl", PR_SET_SECUREBITS, c.secureBits, 0, 0, 0),
    setCapabilities(call, c),
  ];
}

/** When nothing is left to do that it would forbid. */
export function compileNoNewPrivileges(
  context: ContentsContext,
  { credentials, changesCredentials }: ThreadContents,
  name: string,
): RemoteCall[] {
  if (!changesCredentials || credentials?.noNewPrivileges !== true) return [];
  return [caller(context, name)("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)];
}

type Caller = (name: Parameters<typeof remoteCall>[1], ...args: RemoteCall["arguments"]) => RemoteCall;

function caller(context: ContentsContext, name: string): Caller {
  const purpose = {
    attempt: `Cannot set the credentials of ${name}`,
    hints: { EPERM: "that needs CAP_SETUID, CAP_SETGID and CAP_SETPCAP", EINVAL: "an id is not mapped here" },
  };
  return (name, ...args) => remoteCall(context, name, args, purpose);
}

type Capabilities = Pick<Credentials, "effective" | "permitted" | "inheritable">;

function setCapabilities(call: Caller, capabilities: Capabilities): RemoteCall {
  return call("capset", ...capsetArguments(capabilities));
}

/**
 * What capset(2) takes: a header, and two of `struct __user_cap_data_struct` with the effective, permitted and
 * inheritable ones, the low words first.
 */
export function capsetArguments({ effective, permitted, inheritable }: Capabilities): Uint8Array[] {
  const masks = [effective, permitted, inheritable];
  const halves = [0n, 32n].flatMap((shift) => masks.map((mask) => Number(mask >> shift & 0xffff_ffffn)));
  return [integers(CAPABILITY_VERSION_3, 0), integers(...halves)];
}
