import { deepEqual as assertEquals } from "node:assert/strict";
import type { Problem } from "../errors.ts";
import type { InventoryEntry } from "../gen/inventory.ts";
import { buildNetworkLock } from "./build_network_lock.ts";

const RUN_ID = "cace9e99-22e3-4695-aaff-ca62b0a16db4";

function build(inventory: Partial<InventoryEntry>) {
  const problems: Problem[] = [];
  return { lock: buildNetworkLock(inventory as InventoryEntry, { rootPid: 77, problems }), problems };
}

Deno.test("buildNetworkLock() takes iptables where there was no choice, unless connections were closed", () => {
  assertEquals(build({}).lock, { kind: "iptables" });
  assertEquals(build({ tcpClose: true }).lock, undefined);
});

Deno.test("buildNetworkLock() knows the table as CRIU calls it, and as it means to", () => {
  assertEquals(build({ networkLockMethod: 1, dumpCriuRunId: RUN_ID }).lock, {
    kind: "nftables",
    tables: ["CRIU-cace9e99-22e3-4695-aa", `CRIU-${RUN_ID}`],
  });
  assertEquals(build({ networkLockMethod: 1 }).lock, { kind: "nftables", tables: ["CRIU-77"] });
});

Deno.test("buildNetworkLock() tells of a method that it does not know", () => {
  assertEquals(build({ networkLockMethod: 2 }), { lock: undefined, problems: [] });
  assertEquals(build({ networkLockMethod: 3 }).problems, [
    { where: "inventory.img, entry 0", what: "the network lock 3 is unknown" },
  ]);
});
