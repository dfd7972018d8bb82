import { deepEqual as assertEquals } from "node:assert/strict";
import type { InetSocketPlan } from "../../../plan/contents/files/plan_inet_socket.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { filesContext } from "../../../../tests/support/compiled_calls.ts";
import { anInetSocket, LOOPBACK } from "../../../../tests/support/sockets.ts";
import { encodeEndpoint } from "./inet_address.ts";
import { makeInetSockets } from "./make_inet_sockets.ts";

const SOCKET_OPTIONS = new Map([[2, "SO_REUSEADDR"], [15, "SO_REUSEPORT"]]);

/** `"listen 101 5"`; of options only those that share addresses and ports. */
function render({ purpose, arguments: [fd, ...rest] }: RemoteCall): string[] {
  if (purpose.call !== "setsockopt") {
    return [`${purpose.call} ${fd} ${rest.map((arg) => arg instanceof Uint8Array ? arg.toHex() : arg).join(" ")}`];
  }
  const [level, option, value] = rest;
  const name = level === 1 ? SOCKET_OPTIONS.get(Number(option)) : undefined;
  return name === undefined || !(value instanceof Uint8Array) ? [] : [`${name} ${fd} ${value[0]}`];
}

function planOf(handle: number, changes: Partial<InetSocketPlan>): InetSocketPlan {
  const { family, type, protocol, options, ip, flags } = anInetSocket({ id: handle });
  return {
    ...{ handle, what: "a socket", family, type, protocol, options, ip, flags },
    isV6Only: undefined,
    tcp: undefined,
    binding: undefined,
    backlog: undefined,
    remote: undefined,
    shutdown: undefined,
    ...changes,
  };
}

function compile(sockets: readonly InetSocketPlan[]): string[] {
  return makeInetSockets(filesContext(), { kind: "make-inet-sockets", what: "sockets", sockets }).flatMap(render);
}

const local = { address: LOOPBACK, port: 80 };

Deno.test("makeInetSockets() binds all before any listens, and then takes back what let them", () => {
  const binding = { local, reusesAddress: true, reusesPort: false, bindsFreely: false, leavesPort: false };
  assertEquals(compile([planOf(0, { binding, backlog: 5 }), planOf(1, { binding })]), [
    "socket 2 1 6",
    "SO_REUSEADDR 0 1",
    "SO_REUSEPORT 0 0",
    "bind 0 020000507f0000010000000000000000 16",
    "dup3 0 101 0",
    "close 0 ",
    "socket 2 1 6",
    "SO_REUSEADDR 0 1",
    "SO_REUSEPORT 0 0",
    "bind 0 020000507f0000010000000000000000 16",
    "dup3 0 102 0",
    "close 0 ",
    "listen 101 5",
    "SO_REUSEADDR 101 0",
    "SO_REUSEPORT 101 0",
    "fcntl 101 4 2",
    "SO_REUSEADDR 102 0",
    "SO_REUSEPORT 102 0",
    "fcntl 102 4 2",
  ]);
});

Deno.test("makeInetSockets() connects before it shuts down", () => {
  const calls = compile([planOf(0, { type: "datagram", protocol: 17, remote: local, shutdown: 1 })]);
  assertEquals(calls.slice(3, 5), ["connect 101 020000507f0000010000000000000000 16", "shutdown 101 1"]);
});

Deno.test("encodeEndpoint() knows IPv6 as well", () => {
  const address = new Uint8Array([...new Uint8Array(15), 1]);
  const [family, port, flow, scope] = ["0a00", "1234", "00000000", "00000000"];
  assertEquals(encodeEndpoint({ address, port: 0x1234 }).toHex(), family + port + flow + address.toHex() + scope);
});
