import type { NamespaceKind } from "../../model/checkpoint.ts";
import type { Contents } from "../../model/contents.ts";
import type { Endpoint } from "../../model/files/inet_socket.ts";
import { unmap } from "../../model/inet_address.ts";
import type { OpenFile } from "../../model/open_file.ts";
import { LOCK_CHAIN } from "../../model/packet_filters.ts";
import type { ConnectedSocket } from "./files/plan_connection.ts";

/** How the lock that the dump left on the network is taken away: last of all, and before connections are resumed. */
export type NetworkUnlock =
  | { readonly kind: "nftables"; readonly tables: readonly string[] }
  | { readonly kind: "iptables"; readonly rules: readonly LockRule[] }
  /** In a net namespace, all packets are dropped by one chain. */
  | { readonly kind: "iptables-chain"; readonly chain: string };

/** A rule that drops packets of a connection. */
export interface LockRule {
  readonly chain: "INPUT" | "OUTPUT";
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** `undefined` where nothing is locked. Of a net namespace of the tasks' own that is made anew, nothing of that is left. */
export function planNetworkUnlock(
  { networkLock, files, namespaces: { net } }: Pick<Contents, "networkLock" | "files" | "namespaces">,
  namespaces: ReadonlySet<NamespaceKind>,
): NetworkUnlock | undefined {
  const isExternal = net?.kind === "external";
  if (networkLock === undefined || namespaces.has("net") && !isExternal) return undefined;
  if (networkLock.kind === "nftables") return networkLock;
  if (isExternal) return { kind: "iptables-chain", chain: LOCK_CHAIN };
  const rules = [...files.values()].filter(isLocked).flatMap(({ local, remote }): LockRule[] => {
    const [own, other] = [plain(local), plain(remote)];
    return [{ chain: "INPUT", from: other, to: own }, { chain: "OUTPUT", from: own, to: other }];
  });
  return rules.length === 0 ? undefined : { kind: "iptables", rules };
}

function isLocked(file: OpenFile): file is ConnectedSocket {
  return file.kind === "inet" && file.remote !== undefined && file.connection !== undefined;
}

/** Packets between addresses of IPv4 are of IPv4, whatever the sockets are. */
function plain({ address, port }: Endpoint): Endpoint {
  return { address: unmap(address), port };
}
