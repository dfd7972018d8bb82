import { deepEqual as assertEquals } from "node:assert/strict";
import {
  parseDeviceNames,
  parseFibTrie,
  parseInet6Addresses,
  parseInetSockets,
  parseNetlinkPorts,
} from "./parse_proc_net.ts";

const TCP = 6;

Deno.test("parseInetSockets() reads addresses of both families in the order of the network", () => {
  const v4 = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1433 1 0 100 0 0 10 0
`;
  const local = { address: new Uint8Array([127, 0, 0, 1]), port: 8080 };
  const remote = { address: new Uint8Array(4), port: 0 };
  assertEquals(parseInetSockets(v4, TCP), [{ protocol: TCP, local, remote, state: 10, inode: 1433 }]);
  const v6 = `  sl  local_address                         remote_address                        st tx_queue
   0: B80D0120000000000000000001000000:0016 00000000000000000000000000000000:0000 01 00000000:00000000
`;
  assertEquals(parseInetSockets(v6, TCP)[0]?.local, {
    address: Uint8Array.fromHex("20010db8000000000000000000000001"),
    port: 22,
  });
});

Deno.test("parseNetlinkPorts() reads protocol and port", () => {
  const text = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000006814807a 4   77         00000000 0        0        0     2        0        1433
`;
  assertEquals(parseNetlinkPorts(text), [{ protocol: 4, port: 77 }]);
});

Deno.test("parseFibTrie() finds what sockets can be bound to, once", () => {
  const table = `  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
           |-- 127.0.0.0
              /8 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
           |-- 192.0.2.0
              /24 link UNICAST
`;
  assertEquals(parseFibTrie(`Main:\n${table}Local:\n${table}`), [
    { address: new Uint8Array([127, 0, 0, 0]), prefix: 8 },
    { address: new Uint8Array([127, 255, 255, 255]), prefix: 32 },
  ]);
});

Deno.test("parseInet6Addresses() reads addresses", () => {
  const text = "00000000000000000000000000000001 01 80 10 80       lo\n";
  assertEquals(parseInet6Addresses(text), [{ address: new Uint8Array([...new Uint8Array(15), 1]), prefix: 128 }]);
});

Deno.test("parseDeviceNames() finds names of all lengths", () => {
  const text = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier",
    "    lo:  123456     789    0    0    0     0          0         0   123456     789    0    0    0     0       0",
    "a-long-name-123:1234 1    0    0    0     0          0         0        0       0    0    0    0     0       0",
    "",
  ];
  assertEquals([...parseDeviceNames(text.join("\n"))], ["lo", "a-long-name-123"]);
});
