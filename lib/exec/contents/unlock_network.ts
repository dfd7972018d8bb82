import { SysError } from "../../errors.ts";
import { renderAddress } from "../../model/inet_address.ts";
import type { LockRule, NetworkUnlock } from "../../plan/contents/plan_network_unlock.ts";
import { O_RDWR } from "../../sys/constants.ts";
import type { Sys } from "../../sys/sys.ts";
import { exitCode, exited } from "../../sys/wait_status.ts";
import type { Tracee } from "../../tracee/tracee.ts";
import { deleteTable, errorOf } from "./nftables.ts";
import { type ContentsContext, remoteCall } from "./remote.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_NETFILTER = 12;
const MSG_DONTWAIT = 0x40;
/** An answer quotes what it answers. */
const ANSWER_SIZE = 1024;
const PROGRAM_TIMEOUT_MS = 60_000;

export interface UnlockOptions {
  readonly sys: Sys;
  readonly context: ContentsContext;
  readonly coordinator: Tracee;
  /** Told what could not be done although that need not matter. */
  readonly note: (text: string) => void;
}

/**
 * Takes away the lock that the dump left on the network. There is none where the dump was made on another host, or
 * where somebody else has taken it away.
 *
 * @throws {SysError} when there is one, and it stays
 */
export function unlockNetwork(unlock: NetworkUnlock, options: UnlockOptions): void {
  if (unlock.kind === "nftables") unlockWithNftables(unlock.tables, options);
  else unlockWithIptables(unlock.rules, options);
}

function unlockWithNftables(tables: readonly string[], { sys, context, coordinator }: UnlockOptions): void {
  for (const table of tables) {
    const attempt = `Cannot unlock the network, which nftables locks with the table "${table}"`;
    const answer = new Uint8Array(ANSWER_SIZE);
    const request = deleteTable(table);
    const fd = 0;
    coordinator.run([
      remoteCall(context, "socket", [AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER], { attempt, expected: fd }),
      remoteCall(context, "sendto", [fd, request, request.length, 0, 0, 0], { attempt, expected: request.length }),
      remoteCall(context, "recvfrom", [fd, { output: answer }, ANSWER_SIZE, MSG_DONTWAIT, 0, 0], { attempt }),
      remoteCall(context, "close", [fd], { attempt }),
    ]);
    const error = errorOf(answer);
    const code = error === 0 ? undefined : sys.errnoName(error);
    if (code !== undefined && code !== "ENOENT") throw new SysError("nftables", code, attempt);
  }
}

/** Its rules cannot be looked at without it: a rule that is not there, and a failure, look the same. */
function unlockWithIptables(rules: readonly LockRule[], { sys, note }: UnlockOptions): void {
  const output = sys.open("/dev/null", O_RDWR);
  try {
    for (const rule of rules) {
      const problem = runIptables(sys, rule, output);
      if (problem === undefined) continue;
      const [program, ...args] = iptablesCommand(rule);
      note(
        `Cannot take away a rule that locks a connection, if it is there: ${[program, ...args].join(" ")}: ${problem}`,
      );
    }
  } finally {
    sys.close(output);
  }
}

function runIptables(sys: Sys, rule: LockRule, output: number): string | undefined {
  const [program = "", ...args] = iptablesCommand(rule);
  try {
    const pid = sys.spawnProgram(program, { args, environment: {}, output });
    const status = sys.wait(pid, PROGRAM_TIMEOUT_MS)?.status ?? 0;
    return exited(status) && exitCode(status) === 0 ? undefined : `status ${exitCode(status)}`;
  } catch (error) {
    if (!(error instanceof SysError) || error.call !== "posix_spawnp") throw error;
    return error.code;
  }
}

/** Packets with CRIU's own mark are let through by the rule (criu/netfilter.c). */
function iptablesCommand({ chain, from, to }: LockRule): string[] {
  return [
    from.address.length === 4 ? "iptables" : "ip6tables",
    ...["-w", "-t", "filter", "-D", chain, "--protocol", "tcp", "-m", "mark", "!", "--mark", "0xC114"],
    ...["--source", renderAddress(from.address), "--sport", String(from.port)],
    ...["--destination", renderAddress(to.address), "--dport", String(to.port)],
    ...["-j", "DROP"],
  ];
}
