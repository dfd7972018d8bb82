import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import type { Problem } from "../errors.ts";
import {
  ipc_msg_entrySchema,
  ipc_msgSchema,
  ipc_sem_entrySchema,
  ipc_shm_entrySchema,
  ipc_var_entrySchema,
} from "../../tests/gen/ipc_pb.ts";
import { mnt_entrySchema } from "../../tests/gen/mnt_pb.ts";
import { timens_entrySchema, utsns_entrySchema } from "../../tests/gen/namespaces_pb.ts";
import { net_device_entrySchema, netns_entrySchema } from "../../tests/gen/net_pb.ts";
import { buildImages, frameEntries, type IdsDescription } from "../../tests/support/build_images.ts";
import { DenoFilesSys } from "../../tests/support/deno_files_sys.ts";
import type { NamespaceImages } from "./content_images.ts";
import { ImageSource } from "./image_source.ts";
import { type ImageType, magicsOf } from "./magic.ts";
import { readNamespaces } from "./read_namespaces.ts";

type Files = Readonly<Record<string, Uint8Array>>;

interface Entry {
  readonly payload: Uint8Array;
  /** What follows it in the file. */
  readonly bytes?: Uint8Array;
}

function entry<S extends DescMessage>(schema: S, init: MessageInitShape<S>, bytes = new Uint8Array()): Entry {
  return { payload: toBinary(schema, create(schema, init)), bytes };
}

function file(type: ImageType, ...entries: readonly Entry[]): Uint8Array {
  const parts = entries.flatMap(({ payload, bytes = new Uint8Array() }) => [frameEntries([], [payload]), bytes]);
  const all = [frameEntries(magicsOf(type, 2), []), ...parts];
  return Uint8Array.from(all.flatMap((part) => [...part]));
}

interface TreeOptions {
  readonly ids?: IdsDescription;
  /** Those of further tasks. */
  readonly others?: readonly IdsDescription[];
  readonly nsPerId?: boolean;
}

/** Reads the namespaces of a root task 5 with these ids, in an image directory with these files. */
function read(files: Files, { ids = {}, others = [], nsPerId = true }: TreeOptions = {}) {
  const directory = Deno.makeTempDirSync({ prefix: "cgr-images-" });
  const problems: Problem[] = [];
  try {
    for (const [name, bytes] of Object.entries(files)) Deno.writeFileSync(`${directory}/${name}`, bytes);
    const images = buildImages({
      tasks: [{ pid: 5, ids }, ...others.map((own, index) => ({ pid: 6 + index, ids: own }))],
    });
    const inventory = { ...images.inventory, nsPerId };
    const found: NamespaceImages = readNamespaces(new ImageSource(new DenoFilesSys().sys, directory, problems), {
      ...images,
      inventory,
    });
    return { found, problems: problems.map(({ where, what }) => `${where}: ${what}`) };
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const NAMES = { nodename: "a", domainname: "b" };
const CLOCKS = { monotonic: { tvSec: 1n, tvNsec: 2n }, boottime: { tvSec: 3n, tvNsec: 4n } };
const VARIABLES = {
  ...{ semCtls: [1, 2, 3, 4], msgCtlmax: 1, msgCtlmnb: 1, msgCtlmni: 1, autoMsgmni: 0, shmCtlmax: 1n, shmCtlall: 1n },
  ...{ shmCtlmni: 1, shmRmidForced: 0, mqQueuesMax: 1, mqMsgMax: 1, mqMsgsizeMax: 1 },
};
const DEVICE = { type: 1, ifindex: 1, mtu: 65536, flags: 8, name: "lo" };
const PLACE = { root: "/", mountpoint: "/a", source: "a", options: "" };
const DESC = { key: 1, uid: 2, gid: 3, cuid: 4, cgid: 5, mode: 6, id: 7 };

Deno.test("readNamespaces() reads those that CRIU was not in", async (t) => {
  await t.step("none", () => assert.deepEqual(read({}), { found: {}, problems: [] }));
  await t.step("by their ids", () => {
    const { found } = read({ "utsns-30.img": file("utsns", entry(utsns_entrySchema, NAMES)) }, { ids: { uts: 30 } });
    assert.deepEqual(found, { uts: NAMES });
  });
  await t.step("by the root's pid, in old dumps", () => {
    const files = { "utsns-5.img": file("utsns", entry(utsns_entrySchema, NAMES)) };
    assert.deepEqual(read(files, { ids: { uts: 30 }, nsPerId: false }).found, { uts: NAMES });
  });
  await t.step("the clocks of the host", () => {
    const { found } = read({ "timens-0.img": file("timens", entry(timens_entrySchema, CLOCKS)) });
    assert.equal(found.time?.monotonic.tvSec, 1);
  });
  await t.step("those of a time namespace", () => {
    const files = { "timens-31.img": file("timens", entry(timens_entrySchema, CLOCKS)) };
    assert.equal(read(files, { ids: { time: 31 } }).found.time?.boottime.tvNsec, 4);
  });
  await t.step("files that are missing are told", () => {
    assert.deepEqual(read({}, { ids: { uts: 30, ipc: 31, time: 32 } }).problems, [
      "utsns-30.img: there is no such file",
      "timens-32.img: there is no such file",
      "ipcns-var-31.img: there is no such file",
    ]);
  });
});

Deno.test("readNamespaces() reads net namespaces", async (t) => {
  const ids = { net: 33 };
  await t.step("with what other programs have written, but for empty files", () => {
    const { found, problems } = read({
      "netns-33.img": file("netns", entry(netns_entrySchema, { extKey: "a" })),
      "netdev-33.img": file("netdev", entry(net_device_entrySchema, DEVICE), entry(net_device_entrySchema, DEVICE)),
      "ifaddr-33.img": Uint8Array.of(1, 2),
      "nftables-33.img": new Uint8Array(),
    }, { ids });
    assert.deepEqual(problems, []);
    assert.equal(found.net?.[0]?.netns?.extKey, "a");
    assert.deepEqual(found.net?.[0]?.devices.map(({ name }) => name), ["lo", "lo"]);
    assert.deepEqual(found.net?.[0]?.foreign, new Map([["ifaddr", Uint8Array.of(1, 2)]]));
  });
  await t.step("that are left to others", () => {
    assert.deepEqual(read({}, { ids }), {
      found: { net: [{ number: 33, devices: [], foreign: new Map() }] },
      problems: [],
    });
  });
  await t.step("of all tasks, that of the root first", () => {
    const { found, problems } = read({}, { ids, others: [{ net: 35 }, { net: 33 }, { net: 34 }, { net: 35 }] });
    assert.deepEqual(found.net?.map(({ number }) => number), [33, 35, 34]);
    assert.deepEqual(problems, []);
  });
});

Deno.test("readNamespaces() reads files of tmpfs only, although others may have the number of one of an earlier dump", () => {
  const mount = (fstype: number, rootDev: number) => (
    entry(mnt_entrySchema, { fstype, rootDev, mntId: rootDev, parentMntId: 1, flags: 0, ...PLACE })
  );
  const { found, problems } = read({
    "mountpoints-34.img": file("mountpoints", mount(2, 50), mount(5, 51)),
    "tmpfs-dev-50.tar.gz.img": Uint8Array.of(1),
    "tmpfs-dev-51.tar.gz.img": Uint8Array.of(1),
  }, { ids: { mnt: 34 } });
  assert.deepEqual(found.mnt?.[0]?.trees, new Map());
  assert.deepEqual(problems.map((problem) => problem.split(":")[0]), ["tmpfs-dev-51.tar.gz.img"]);
});

Deno.test("readNamespaces() reads further mount namespaces, behind that of the root task", async (t) => {
  const mount = (mntId: number) => (
    entry(mnt_entrySchema, { fstype: 2, rootDev: 1, mntId, parentMntId: 0, flags: 0, ...PLACE })
  );
  const files = Object.fromEntries([34, 35, 36].map((id) => [`mountpoints-${id}.img`, file("mountpoints", mount(id))]));
  const others = [{ mnt: 36 }, { mnt: 34 }, { mnt: 36 }, { mnt: 35 }, {}];
  const rows: readonly (readonly [string, boolean, readonly number[]])[] = [
    ["by their ids", true, [34, 36, 35]],
    ["but not in images that have no ids of them", false, [5]],
  ];
  for (const [name, nsPerId, want] of rows) {
    await t.step(name, () => {
      const { found } = read({ ...files, "mountpoints-5.img": file("mountpoints", mount(5)) }, {
        ids: { mnt: 34 },
        others,
        nsPerId,
      });
      assert.deepEqual(found.mnt?.map(({ number }) => number), want);
    });
  }
});

Deno.test("readNamespaces() reads System V objects", async (t) => {
  const bytes = (...numbers: number[]) => Uint8Array.from(numbers);
  const segment = (id: number, rest: object) => ({ desc: { ...DESC, id }, size: 5n, ...rest });
  const { found: { ipc }, problems } = read({
    "ipcns-var-9.img": file("ipcns-var", entry(ipc_var_entrySchema, VARIABLES)),
    "ipcns-shm-9.img": file(
      "ipcns-shm",
      entry(ipc_shm_entrySchema, segment(7, { inPagemaps: true })),
      entry(ipc_shm_entrySchema, segment(8, {}), bytes(1, 2, 3, 4, 5, 0, 0, 0)),
      entry(ipc_shm_entrySchema, segment(9, { inPagemaps: true })),
    ),
    "ipcns-msg-9.img": file(
      "ipcns-msg",
      entry(ipc_msg_entrySchema, { desc: DESC, qbytes: 9, qnum: 2 }),
      entry(ipc_msgSchema, { mtype: 1n, msize: 3 }, bytes(1, 2, 3, 0, 0, 0, 0, 0)),
      entry(ipc_msgSchema, { mtype: 2n, msize: 0 }),
      entry(ipc_msg_entrySchema, { desc: DESC, qbytes: 9, qnum: 0 }),
    ),
    "ipcns-sem-9.img": file(
      "ipcns-sem",
      entry(ipc_sem_entrySchema, { desc: DESC, nsems: 3 }, bytes(1, 0, 2, 0, 3, 0, 0, 0)),
      entry(ipc_sem_entrySchema, { desc: DESC, nsems: 0 }),
    ),
  }, { ids: { ipc: 9 } });
  assert.deepEqual(problems, []);
  await t.step("segments, of which old dumps have the content in the same file", () => {
    assert.deepEqual(ipc?.segments.map(({ entry, bytes }) => [entry.desc.id, bytes.length]), [[7, 0], [8, 8], [9, 0]]);
  });
  await t.step("queues and their messages", () => {
    assert.deepEqual(ipc?.queues.map(({ entry, bytes }) => [entry.kind, bytes.length]), [
      ["queue", 0],
      ["message", 8],
      ["message", 0],
      ["queue", 0],
    ]);
  });
  await t.step("semaphores", () => assert.deepEqual(ipc?.semaphores.map(({ bytes }) => bytes.length), [8, 0]));
});

Deno.test("readNamespaces() tells where a file of objects is damaged", () => {
  const files = {
    "ipcns-var-9.img": file("ipcns-var", entry(ipc_var_entrySchema, VARIABLES)),
    "ipcns-sem-9.img": file("ipcns-sem", entry(ipc_sem_entrySchema, { desc: DESC, nsems: 3 })),
  };
  const { problems } = read(files, { ids: { ipc: 9 } });
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /^ipcns-sem-9\.img, entry 0, offset 8: 8 bytes are to follow, but 0 are left$/);
});
