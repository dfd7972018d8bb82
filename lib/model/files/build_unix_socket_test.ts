import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import type { Problem } from "../../errors.ts";
import type { SkOptsEntry, UnixSkEntry } from "../../gen/sockets.ts";
import type { ContentImages } from "../../image/content_images.ts";
import { encodeText } from "../../text.ts";
import { buildUnixSocket } from "./build_unix_socket.ts";
import { ELSEWHERE } from "../net_numbers.ts";
import { checkUnixSockets } from "./check_unix_sockets.ts";
import type { UnixName, UnixSocket } from "./unix_socket.ts";

const OPTIONS = { soSndbuf: 1, soRcvbuf: 2, soFilter: [] } as unknown as SkOptsEntry;

function anEntry(changes: Partial<UnixSkEntry> = {}): UnixSkEntry {
  return {
    ...{ id: 5, ino: 50, type: 1, state: 7, flags: 2, uflags: 0, backlog: 9, peer: 0, opts: OPTIONS },
    fown: { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 },
    name: new Uint8Array(),
    shutdown: undefined,
    filePerms: undefined,
    nameDir: undefined,
    deleted: undefined,
    nsId: undefined,
    mntId: undefined,
    ...changes,
  };
}

type Packets = ContentImages["packets"];

function build(changes: Partial<UnixSkEntry>, { packets = [] as Packets, networks = [8] } = {}) {
  const problems: Problem[] = [];
  const images = { packets } as Partial<ContentImages> as ContentImages;
  const entry = anEntry(changes);
  const socket = buildUnixSocket(entry.id, entry, { images, networks, problems, where: "files.img, entry 3" });
  return { socket, problems };
}

function packet(idFor: number, text: string, ...scm: { type: number; rights: number[] }[]): Packets[number] {
  const bytes = encodeText(text);
  return { entry: { idFor, length: bytes.length, scm }, bytes };
}

const NAMES: readonly (readonly [string, Partial<UnixSkEntry>, UnixName | undefined])[] = [
  ["no name", {}, undefined],
  ["a path", { name: encodeText("/run/web\0") }, { kind: "path", path: "/run/web", isDeleted: false }],
  ["a path without a NUL", { name: encodeText("/run/web") }, { kind: "path", path: "/run/web", isDeleted: false }],
  ["bytes that are no UTF-8", { name: new Uint8Array([0x2f, 0xff, 0]) }, {
    kind: "path",
    path: "/\udcff",
    isDeleted: false,
  }],
  ["all there is about a path", {
    name: encodeText("web\0"),
    nameDir: "/run",
    deleted: true,
    filePerms: { mode: 0o140755, uid: 1, gid: 2 },
    mntId: 0,
  }, {
    kind: "path",
    path: "web",
    directory: "/run",
    isDeleted: true,
    permissions: { mode: 0o140755, uid: 1, gid: 2 },
    mount: 0,
  }],
  ["a path of no mount", { name: encodeText("/a\0"), mntId: -1 }, { kind: "path", path: "/a", isDeleted: false }],
  ["an abstract name with NULs", { name: encodeText("\0a\0b\0") }, { kind: "abstract", bytes: encodeText("a\0b\0") }],
];

Deno.test("buildUnixSocket() tells names apart", async (t) => {
  for (const [name, changes, expected] of NAMES) {
    await t.step(name, () => {
      const { socket, problems } = build(changes);
      assertEquals(socket.name, expected);
      assertEquals(problems, []);
    });
  }
});

Deno.test("buildUnixSocket() keeps the backlog of sockets that listen: else it is something else", () => {
  assertEqual(build({ state: 10 }).socket.backlog, 9);
  assertEqual(build({ state: 7 }).socket.backlog, 0);
});

Deno.test("buildUnixSocket() knows the roles and the network of sockets", () => {
  const roles = [0, 1, 2, 4].map((uflags) => build({ uflags }).socket.role);
  assertEquals(roles, ["ordinary", "external", "service", "plugin"]);
  const networks = [undefined, 8, 9, 7].map((nsId) => build({ nsId }, { networks: [8, 9] }).socket.network);
  assertEquals(networks, [0, 0, 1, ELSEWHERE]);
});

Deno.test("buildUnixSocket() takes the packets that are for a socket, in order", () => {
  const packets = [
    packet(5, "first", { type: 1, rights: [7, 8] }),
    packet(6, "for another"),
    packet(5, "second", { type: 2, rights: [] }),
  ];
  assertEquals(build({}, { packets }).socket.packets, [
    { bytes: encodeText("first"), rights: [7, 8], unknownControls: [] },
    { bytes: encodeText("second"), rights: [], unknownControls: [2] },
  ]);
});

const COMPLAINTS: readonly (readonly [Partial<UnixSkEntry>, string])[] = [
  [{ state: 3 }, "its state 3 is unknown"],
  [{ uflags: 5 }, "its flags 5 are unknown"],
  [{ shutdown: 4 }, "its shutdown 4 is unknown"],
  [{ name: encodeText(`/${"x".repeat(108)}\0`) }, "its name has more than 108 bytes"],
  [{ name: encodeText(`\0${"x".repeat(108)}`) }, "its name has more than 108 bytes"],
];

Deno.test("buildUnixSocket() complains about what it does not understand", async (t) => {
  for (const [changes, what] of COMPLAINTS) {
    await t.step(what, () => assertEquals(build(changes).problems, [{ where: "files.img, entry 3", what }]));
  }
});

function check(packets: Packets, ...sockets: readonly Partial<UnixSkEntry>[]): string[] {
  const built: UnixSocket[] = sockets.map((changes) => build(changes).socket);
  const problems: Problem[] = [];
  checkUnixSockets({ packets }, new Map(built.map((socket) => [socket.id, socket])), problems);
  return problems.map(({ where, what }) => `${where}: ${what}`);
}

Deno.test("checkUnixSockets() finds references that lead nowhere", () => {
  assertEquals(check([packet(5, "", { type: 1, rights: [6] })], { id: 5, ino: 50, peer: 60 }, { id: 6, ino: 60 }), []);
  assertEquals(check([], { id: 5, ino: 50, peer: 60 }), ["files.img, unix socket 50: its peer 60 is not in files.img"]);
  assertEquals(check([], { id: 5, ino: 50 }, { id: 6, ino: 50 }), [
    "files.img, unix socket 50: it occurs more than once in files.img",
  ]);
  assertEquals(check([packet(7, "", { type: 1, rights: [8] })], { id: 5 }), [
    "sk-queues.img, entry 0: it is for file 7, which is not in files.img",
    "sk-queues.img, entry 0: file 8 comes with it, which is not in files.img",
  ]);
});
