import type { NamespaceKind } from "../../model/checkpoint.ts";
import type { Contents } from "../../model/contents.ts";
import type { Endpoint } from "../../model/files/inet_socket.ts";
import { unmap } from "../../model/inet_address.ts";
import type { OpenFile } from "../../model/open_file.ts";
import type { ConnectedSocket } from "./files/plan_connection.ts";

/** How the lock that the dump left on the network is taken away: last of all, and before connections are resumed. */
export type NetworkUnlock =
  | { readonly kind: "nftables"; readonly tables: readonly string[] }
  | { readonly kind: "iptables"; readonly rules: readonly LockRule[] };

/** A rule that drops packets of a connection. */
export interface LockRule {
  readonly chain: "INPUT" | "OUTPUT";
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** `undefined` where nothing is locked. In a network of the tasks' own, nothing of that is left. */
export function planNetworkUnlock(
  { networkLock, files }: Pick<Contents, "networkLock" | "files">,
  namespaces: ReadonlySet<NamespaceKind>,
): NetworkUnlock | undefined {
  if (networkLock === undefined || namespaces.has("net")) return undefined;
  if (networkLock.kind === "nftables") return networkLock;
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
