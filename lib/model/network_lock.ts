/**
 * How the dumping CRIU keeps packets of the dumped connections away until they are restored (its `--network-lock`).
 * What it set up on the host of the dump is still there when the tasks are restored on it.
 */
export type NetworkLock =
  /** Two rules for each connection. */
  | { readonly kind: "iptables" }
  /** A table, family inet; which of the names it has depends on CRIU's version. */
  | { readonly kind: "nftables"; readonly tables: readonly string[] };
