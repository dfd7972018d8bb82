import { deepEqual as assertEquals } from "node:assert/strict";
import type { Sys } from "../../sys/sys.ts";
import { DenoFilesSys } from "../../../tests/support/deno_files_sys.ts";
import { LOOPBACK } from "../../../tests/support/sockets.ts";
import type { ExpectedSocket } from "../../plan/contents/expected_file.ts";
import { SocketComparison } from "./verify_sockets.ts";

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17 1 0 100 0 0 10 0
   1: 0100007F:0050 0100007F:0009 01 00000000:00000000 00:00000000 00000000     0        0 18 1 0 100 0 0 10 0
`;

const NOBODY = { address: new Uint8Array(4), port: 0 };
const LISTENING: ExpectedSocket = { protocol: 6, local: { address: LOOPBACK, port: 80 }, remote: NOBODY, state: 10 };
const CONNECTED = { ...LISTENING, remote: { address: LOOPBACK, port: 9 }, state: undefined };

/** Compares sockets of a task whose directory has such a file. */
function compare(inode: number, expected: ExpectedSocket): string[] {
  const directory = Deno.makeTempDirSync({ prefix: "cgr-proc-" });
  try {
    Deno.mkdirSync(`${directory}/net`);
    Deno.writeTextFileSync(`${directory}/net/tcp`, TCP);
    const files = new DenoFilesSys();
    const sys = Object.assign(files.sys, { readLink: () => "net:[1]" }) as Sys;
    return new SocketComparison(sys).compare(directory, `socket:[${inode}]`, expected);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("SocketComparison.compare() finds sockets by their inodes", () => {
  assertEquals(compare(17, LISTENING), []);
  assertEquals(compare(18, CONNECTED), []);
});

Deno.test("SocketComparison.compare() tells what is different", () => {
  const listening = "127.0.0.1:80 to 0.0.0.0:0, protocol 6, state 10";
  assertEquals(compare(18, LISTENING), [
    `it is 127.0.0.1:80 to 127.0.0.1:9, protocol 6, state 1, and should be ${listening}`,
  ]);
  assertEquals(compare(19, LISTENING), [`the kernel does not list it, and should as ${listening}`]);
  assertEquals(compare(17, CONNECTED), [
    `it is ${listening}, and should be 127.0.0.1:80 to 127.0.0.1:9, protocol 6`,
  ]);
});

Deno.test("SocketComparison.compare() lets connections end", () => {
  assertEquals(compare(19, CONNECTED), []);
});
