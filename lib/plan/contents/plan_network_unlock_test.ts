import { deepEqual as assertEquals } from "node:assert/strict";
import type { TcpConnection } from "../../model/files/tcp_connection.ts";
import type { NetworkLock } from "../../model/network_lock.ts";
import { smallContents } from "../../../tests/support/small_contents.ts";
import { anInetSocket, LOOPBACK } from "../../../tests/support/sockets.ts";
import { planNetworkUnlock } from "./plan_network_unlock.ts";

const MAPPED = new Uint8Array([...new Uint8Array(10), 0xff, 0xff, ...LOOPBACK]);
const REMOTE = { address: MAPPED, port: 9 };
const CONNECTED = anInetSocket({
  id: 1,
  family: "ipv6",
  local: { address: MAPPED, port: 80 },
  remote: REMOTE,
  connection: {} as TcpConnection,
});

const NO_NAMESPACES = new Set<never>();

function plan(networkLock: NetworkLock) {
  const sockets = [CONNECTED, anInetSocket({ id: 2, remote: REMOTE }), anInetSocket({ id: 3 })];
  return planNetworkUnlock({ ...smallContents({ files: sockets }), networkLock }, NO_NAMESPACES);
}

Deno.test("planNetworkUnlock() finds both rules of each connection that was dumped", () => {
  const [own, other] = [{ address: LOOPBACK, port: 80 }, { address: LOOPBACK, port: 9 }];
  assertEquals(plan({ kind: "iptables" }), {
    kind: "iptables",
    rules: [{ chain: "INPUT", from: other, to: own }, { chain: "OUTPUT", from: own, to: other }],
  });
});

Deno.test("planNetworkUnlock() deletes a table whether there are connections or not", () => {
  const lock = { kind: "nftables", tables: ["CRIU-1"] } as const;
  assertEquals(plan(lock), lock);
  assertEquals(planNetworkUnlock({ ...smallContents({}), networkLock: lock }, NO_NAMESPACES), lock);
});

Deno.test("planNetworkUnlock() leaves alone what was not locked here", () => {
  const lock = { kind: "iptables" } as const;
  assertEquals(planNetworkUnlock({ ...smallContents({}), networkLock: lock }, NO_NAMESPACES), undefined);
  assertEquals(planNetworkUnlock(smallContents({ files: [CONNECTED] }), NO_NAMESPACES), undefined);
  assertEquals(
    planNetworkUnlock({ ...smallContents({ files: [CONNECTED] }), networkLock: lock }, new Set(["net"] as const)),
    undefined,
  );
});

Deno.test("planNetworkUnlock() opens an external net namespace, in which everything was locked", () => {
  const contents = { ...smallContents({}), namespaces: { net: { kind: "external", key: "a" } as const } };
  const unlock = (networkLock: NetworkLock) =>
    planNetworkUnlock({ ...contents, networkLock }, new Set(["net"] as const));
  const lock = { kind: "nftables", tables: ["CRIU-1"] } as const;
  assertEquals(unlock(lock), lock);
  assertEquals(unlock({ kind: "iptables" }), { kind: "iptables-chain", chain: "CRIU" });
});
