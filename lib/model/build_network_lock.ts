import type { Problem } from "../errors.ts";
import type { InventoryEntry } from "../gen/inventory.ts";
import type { NetworkLock } from "./network_lock.ts";

/** `NETWORK_LOCK_METHOD` of criu/include/cr_options.h; dumps that say nothing are from before there was a choice. */
const IPTABLES = 0;
const NFTABLES = 1;
const SKIP = 2;

/** CRIU writes the name with its family into 32 bytes (`nftables_get_table`, criu/netfilter.c). */
const CUT_NAME_SIZE = 32 - 1 - "inet ".length;

/** `undefined` where nothing was locked. */
export function buildNetworkLock(
  { networkLockMethod = IPTABLES, tcpClose, dumpCriuRunId }: InventoryEntry,
  { rootPid, problems }: { readonly rootPid: number; readonly problems: Problem[] },
): NetworkLock | undefined {
  switch (networkLockMethod) {
    case IPTABLES:
      // Connections that were to be closed are not locked.
      return tcpClose === true ? undefined : { kind: "iptables" };
    case NFTABLES: {
      const name = `CRIU-${dumpCriuRunId ?? rootPid}`;
      return { kind: "nftables", tables: [...new Set([name.slice(0, CUT_NAME_SIZE), name])] };
    }
    case SKIP:
      return undefined;
    default:
      problems.push({ where: "inventory.img, entry 0", what: `the network lock ${networkLockMethod} is unknown` });
      return undefined;
  }
}
