import { deepEqual as assertEquals } from "node:assert/strict";
import type { BoundPath, UnixAction } from "../../../../plan/contents/files/unix/unix_step.ts";
import { filesContext, renderCall } from "../../../../../tests/support/compiled_calls.ts";
import { aName, NEW_SOCKET_OPTIONS } from "../../../../../tests/support/unix_sockets.ts";
import { compileUnixAction } from "./compile_unix_action.ts";

function compile(action: UnixAction): string[] {
  return compileUnixAction(filesContext(), { kind: "unix-socket", what: "unix socket 1", action }).map(renderCall);
}

const ABSTRACT = aName("@web");
const FILE = { kind: "file", handle: 3 } as const;
const NONBLOCK = 0o4000;
const AF_UNIX = "0100";
/** `/proc/self/fd/104` */
const PATH_OF_FILE = "2f70726f632f73656c662f66642f31303400";

function path(changes: Partial<BoundPath>): UnixAction {
  const name: BoundPath = { kind: "path", path: "/run/web", file: 1, place: { kind: "visible" }, ...changes };
  return { kind: "bind", handle: 0, name };
}

const OPEN_DIRECTORY = 0o10000000 | 0o200000;
const OPEN_FILE = 0o10000000 | 0o400000;
const RUN_WEB = "2f72756e2f77656200";

const ROWS: readonly (readonly [string, UnixAction, readonly string[]])[] = [
  ["a socket", { kind: "make", handle: 0, type: 5 }, [`socket 1 ${5 | NONBLOCK} 0 = 0`, "dup3 0 101 0", "close 0"]],
  ["a pair", { kind: "pair", handles: [0, 1], type: 2 }, [
    `socketpair 1 ${2 | NONBLOCK} 0 [8]`,
    "dup3 0 101 0",
    "dup3 1 102 0",
    "close 0",
    "close 1",
  ]],
  ["listening", { kind: "listen", handle: 0, backlog: 7 }, ["listen 101 7"]],
  ["connecting to an abstract name", { kind: "connect", handle: 0, to: ABSTRACT as never }, [
    `connect 101 ${AF_UNIX}00776562 6`,
  ]],
  ["connecting to a file", { kind: "connect", handle: 0, to: FILE }, [`connect 101 ${AF_UNIX}${PATH_OF_FILE} 20`]],
  ["connecting to nobody", { kind: "connect", handle: 0, to: { kind: "nobody" } }, ["connect 101 0000 2"]],
  ["accepting", { kind: "accept", handle: 1, from: 0 }, [`accept4 101 0 0 ${NONBLOCK} = 0`, "dup3 0 102 0", "close 0"]],
  ["closing", { kind: "close", handle: 2 }, ["close 103"]],
  ["shutting down", { kind: "shut-down", handle: 0, sides: 3 }, ["shutdown 101 2"]],
  ["settling: signals are for somebody else", {
    kind: "settle",
    handle: 0,
    options: { ...NEW_SOCKET_OPTIONS, reusesAddress: true, reusesPort: true },
    flags: 0o20000 | 0o4000 | 2,
  }, [
    "setsockopt 101 1 2 01000000 4",
    "setsockopt 101 1 32 00a00100 4",
    "setsockopt 101 1 33 00a00100 4",
    `fcntl 101 4 ${0o4002}`,
  ]],
  ["an abstract name", { kind: "bind", handle: 0, name: ABSTRACT as never }, [`bind 101 ${AF_UNIX}00776562 6`]],
  ["a path", path({}), [
    `openat -100 "." ${OPEN_DIRECTORY} = 0`,
    `bind 101 ${AF_UNIX}${RUN_WEB} 11`,
    `openat -100 "/run/web" ${OPEN_FILE} = 1`,
    "dup3 1 102 0",
    "close 1",
    "fchdir 0",
    "close 0",
  ]],
  [
    "a path with permissions, which it has from the beginning",
    path({ permissions: { mode: 0o140640, uid: 7, gid: 8 } }),
    [
      `openat -100 "." ${OPEN_DIRECTORY} = 0`,
      `umask ${0o137}`,
      `bind 101 ${AF_UNIX}${RUN_WEB} 11`,
      "umask 0",
      `openat -100 "/run/web" ${OPEN_FILE} = 1`,
      "dup3 1 102 0",
      "close 1",
      "fchdir 0",
      "close 0",
      `fchownat 102 "" 7 8 ${0x1000}`,
      `fchmodat -100 "/proc/self/fd/102" ${0o640}`,
    ],
  ],
  [
    "a relative path, and something in its way",
    path({ path: "web", directory: "/run", place: { kind: "visible", aside: "/run/.cgrestore-web" } }),
    [
      'renameat2 -100 "/run/web" -100 "/run/.cgrestore-web" 1',
      `openat -100 "." ${OPEN_DIRECTORY} = 0`,
      'chdir "/run"',
      `bind 101 ${AF_UNIX}77656200 6`,
      `openat -100 "web" ${OPEN_FILE} = 1`,
      "dup3 1 102 0",
      "close 1",
      "fchdir 0",
      "close 0",
    ],
  ],
  [
    "a relative path that is gone, with its directories",
    path({ path: "../x/web", directory: "/a/b", place: { kind: "hidden", isRemoved: true } }),
    [
      `openat -100 "." ${OPEN_DIRECTORY} = 0`,
      `openat -100 "/" ${OPEN_DIRECTORY} = 1`,
      'fsopen "tmpfs" 0 = 2',
      "fsconfig 2 6 0 0 0",
      "fsmount 2 0 0 = 3",
      "fchdir 3",
      'chroot "."',
      "close 2",
      "close 3",
      'mkdirat -100 "/a" 448',
      'mkdirat -100 "/a/b" 448',
      'mkdirat -100 "/a/x" 448',
      'chdir "/a/b"',
      `bind 101 ${AF_UNIX}2e2e2f782f77656200 11`,
      `openat -100 "../x/web" ${OPEN_FILE} = 2`,
      "dup3 2 102 0",
      "close 2",
      'unlinkat -100 "../x/web" 0',
      "fchdir 1",
      'chroot "."',
      "close 1",
      "fchdir 0",
      "close 0",
    ],
  ],
  ["packets to a name", {
    kind: "send",
    handle: 0,
    to: ABSTRACT as never,
    packets: [{ bytes: new Uint8Array([1, 2]), rights: [] }],
  }, [
    "setsockopt 101 1 32 ffffff3f 4",
    "setsockopt 101 1 33 ffffff3f 4",
    `sendto 101 0102 2 ${0x4040} ${AF_UNIX}00776562 6 = 2`,
  ]],
  ["packets with files", {
    kind: "send",
    handle: 0,
    packets: [{ bytes: new Uint8Array([1]), rights: [4, 5, 6] }],
  }, [
    "setsockopt 101 1 32 ffffff3f 4",
    "setsockopt 101 1 33 ffffff3f 4",
    [
      "sendmsg 101",
      `{${word(0)}${word(0)}${word(0)}${word(1)}${word(0)}${word(32)}${word(0)},`,
      `16: {${word(0)}${word(1)}, 0: 01},`,
      `32: ${word(28)}0100000001000000${"69000000"}${"6a000000"}${"6b000000"}00000000}`,
      `${0x4040} = 1`,
    ].join(" "),
  ]],
];

function word(value: number): string {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer).toHex();
}

Deno.test("compileUnixAction() makes the calls of each action, and leaves nothing open", async (t) => {
  for (const [name, action, expected] of ROWS) await t.step(name, () => assertEquals(compile(action), expected));
});

Deno.test("compileUnixAction() says which names are made in the file system, and which make way", () => {
  const effects = (action: UnixAction) => (
    compileUnixAction(filesContext(), { kind: "unix-socket", what: "it", action }).flatMap(({ effect }) => effect ?? [])
  );
  assertEquals(effects(path({ path: "web", directory: "/run", place: { kind: "visible", aside: "/run/.web" } })), [
    { kind: "moves", path: "/run/web", to: "/run/.web" },
    { kind: "makes-file", path: "/run/web" },
  ]);
  assertEquals(effects(path({ place: { kind: "hidden", isRemoved: true } })), []);
});

Deno.test("compileUnixAction() takes the longest path, which has no NUL", () => {
  const [, bind] = compileUnixAction(filesContext(), {
    kind: "unix-socket",
    what: "it",
    action: path({ path: `/${"x".repeat(107)}` }),
  });
  assertEquals(bind?.arguments.slice(2), [110]);
});
