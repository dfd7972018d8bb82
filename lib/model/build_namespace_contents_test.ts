import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import type { Problem } from "../errors.ts";
import { readIpcMsg, readIpcMsgEntry, readIpcSemEntry, readIpcShmEntry, readIpcVarEntry } from "../gen/ipc.ts";
import { readNetnsEntry } from "../gen/net.ts";
import type { IpcImages, NamespaceImages, QueueOrMessage, WithBytes } from "../image/content_images.ts";
import { MessageReader, type ReadMessage } from "../wire/message_reader.ts";
import {
  ipc_msg_entrySchema,
  ipc_msgSchema,
  ipc_sem_entrySchema,
  ipc_shm_entrySchema,
  ipc_var_entrySchema,
} from "../../tests/gen/ipc_pb.ts";
import { netns_entrySchema } from "../../tests/gen/net_pb.ts";
import { buildNamespaceContents } from "./build_namespace_contents.ts";
import type { NamespaceContents } from "./namespaces.ts";

const SHM_DEST = 0o1000;
const SHM_LOCKED = 0o2000;
const DESC = { key: 1, uid: 2, gid: 3, cuid: 4, cgid: 5, mode: 0o640, id: 6 };
const OBJECT = { id: 6, key: 1, mode: 0o640, uid: 2, gid: 3, creatorUid: 4, creatorGid: 5 };

/** A message as it is read from an image. */
function message<Schema extends DescMessage, T>(
  schema: Schema,
  read: ReadMessage<T>,
  init: MessageInitShape<Schema>,
): T {
  const made: MessageShape<Schema> = create(schema, init);
  return read(new MessageReader(toBinary(schema, made)));
}

function variables(init: MessageInitShape<typeof ipc_var_entrySchema> = {}) {
  const numbers = ["msgCtlmax", "msgCtlmnb", "msgCtlmni", "autoMsgmni", "shmCtlmni", "shmRmidForced"] as const;
  return message(ipc_var_entrySchema, readIpcVarEntry, {
    semCtls: [1, 2, 3, 4],
    ...Object.fromEntries(numbers.map((name, index) => [name, index + 5])),
    ...{ shmCtlmax: 2n ** 64n - 1n, shmCtlall: 12n, mqQueuesMax: 13, mqMsgMax: 0, mqMsgsizeMax: 15 },
    ...init,
  });
}

function segment(init: Omit<MessageInitShape<typeof ipc_shm_entrySchema>, "$typeName">, bytes = new Uint8Array()) {
  const entry = message(ipc_shm_entrySchema, readIpcShmEntry, { desc: DESC, size: 5n, ...init });
  return { entry, bytes };
}

function queue(qnum: number): WithBytes<QueueOrMessage> {
  const entry = message(ipc_msg_entrySchema, readIpcMsgEntry, { desc: DESC, qbytes: 9, qnum });
  return { entry: { kind: "queue", queue: entry }, bytes: new Uint8Array() };
}

function queued(mtype: bigint, text: string): WithBytes<QueueOrMessage> {
  const bytes = new TextEncoder().encode(text.padEnd(8, "\0"));
  const entry = message(ipc_msgSchema, readIpcMsg, { mtype, msize: text.length });
  return { entry: { kind: "message", message: entry }, bytes };
}

function semaphores(...values: number[]) {
  const entry = message(ipc_sem_entrySchema, readIpcSemEntry, { desc: DESC, nsems: values.length });
  return { entry, bytes: new Uint8Array(Uint16Array.from([...values, 0, 0, 0]).buffer) };
}

function anIpc(images: Partial<IpcImages>): NamespaceImages {
  const nothing = { segments: [], queues: [], semaphores: [], pagemaps: new Map() };
  return { ipc: { number: 9, variables: variables(), segmentsFile: "/ipcns-shm-9.img", ...nothing, ...images } };
}

function build(
  images: NamespaceImages,
  ids: Readonly<Record<number, number>> = {},
): { readonly contents: NamespaceContents; readonly problems: string[] } {
  const problems: Problem[] = [];
  const byPid = new Map(Object.entries(ids).map(([pid, id]) => [Number(pid), id]));
  const contents = buildNamespaceContents(images, { lock: undefined, mountIds: byPid, netIds: byPid, problems });
  return { contents, problems: problems.map(({ where, what }) => `${where}: ${what}`) };
}

Deno.test("buildNamespaceContents() numbers net namespaces, that of the root task first", () => {
  const net = (number: number, name: string) => (
    { number, netns: message(netns_entrySchema, readNetnsEntry, { extKey: name }), devices: [], foreign: new Map() }
  );
  const [first, second, third] = ["a", "b", "c"].map((key) => ({ kind: "external", key }) as const);
  const { contents } = build({ net: [net(8, "a"), net(9, "b"), net(7, "c")] }, { 1: 8, 2: 7, 3: 9, 4: 0 });
  assert.deepEqual(contents, {
    net: first,
    nestedNets: [second, third],
    netNamespaces: new Map([[2, 2], [3, 1]]),
  });
  assert.deepEqual(build({ net: [net(8, "a")] }, { 1: 8 }).contents, { net: first });
});

Deno.test("buildNamespaceContents() builds names and clocks", () => {
  const { contents, problems } = build({
    uts: { nodename: "a", domainname: "b" },
    time: { monotonic: { tvSec: 1, tvNsec: 5 }, boottime: { tvSec: 2, tvNsec: 6 } },
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(contents, {
    uts: { hostName: "a", domainName: "b" },
    clocks: { monotonic: 1_000_000_005n, boottime: 2_000_000_006n },
  });
});

Deno.test("buildNamespaceContents() builds limits", async (t) => {
  await t.step("without message queues of POSIX", () => {
    const { ipc } = build(anIpc({})).contents;
    assert.deepEqual([...ipc?.sysctls ?? []], [
      ["kernel/sem", "1 2 3 4"],
      ["kernel/msgmax", "5"],
      ["kernel/msgmnb", "6"],
      ["kernel/msgmni", "7"],
      ["kernel/shmmax", "18446744073709551615"],
      ["kernel/shmall", "12"],
      ["kernel/shmmni", "9"],
      ["kernel/shm_rmid_forced", "10"],
    ]);
    assert.deepEqual(ipc?.nextIds, new Map());
  });
  await t.step("with them, and with ids", () => {
    const init = { mqMsgMax: 14, mqMsgDefault: 16, mqMsgsizeDefault: 17, msgNextId: 18, shmNextId: 0xffff_ffff };
    const { ipc } = build(anIpc({ variables: variables(init) })).contents;
    assert.deepEqual([...ipc?.sysctls ?? []].slice(8), [
      ["fs/mqueue/queues_max", "13"],
      ["fs/mqueue/msg_max", "14"],
      ["fs/mqueue/msgsize_max", "15"],
      ["fs/mqueue/msg_default", "16"],
      ["fs/mqueue/msgsize_default", "17"],
    ]);
    assert.deepEqual(ipc?.nextIds, new Map([["kernel/msg_next_id", 18]]));
  });
});

Deno.test("buildNamespaceContents() builds System V objects", async (t) => {
  await t.step("segments, with their pages or whole", () => {
    const file = new Uint8Array(100);
    const removed = { inPagemaps: true, hugetlbFlag: 0o4000, desc: { ...DESC, mode: SHM_DEST | SHM_LOCKED | 0o600 } };
    const whole = segment({ desc: { ...DESC, id: 7 } }, file.subarray(40, 48));
    const { ipc } = build(anIpc({ segments: [segment(removed), whole] })).contents;
    const flags = { hugeFlags: 0, isRemoved: false, isLocked: false };
    assert.deepEqual(ipc?.segments, [
      {
        ...OBJECT,
        ...{ size: 5, mode: 0o600, hugeFlags: 0o4000, isRemoved: true, isLocked: true },
        content: { kind: "pages", pages: [] },
      },
      { ...OBJECT, ...flags, id: 7, size: 5, content: { kind: "whole", file: "/ipcns-shm-9.img", offset: 40 } },
    ]);
  });
  await t.step("queues, with their messages", () => {
    const { ipc } = build(anIpc({ queues: [queue(2), queued(7n, "ab"), queued(2n ** 63n - 1n, "")] })).contents;
    const [{ messages, ...found } = { messages: [] }] = ipc?.queues ?? [];
    assert.deepEqual(found, { ...OBJECT, capacity: 9 });
    assert.deepEqual(messages.map(({ type, bytes }) => [type, new TextDecoder().decode(bytes)]), [
      [7n, "ab"],
      [2n ** 63n - 1n, ""],
    ]);
  });
  await t.step("semaphores", () => {
    const { ipc } = build(anIpc({ semaphores: [semaphores(0, 32767)] })).contents;
    assert.deepEqual(ipc?.semaphores, [{ ...OBJECT, values: [0, 32767] }]);
  });
});

Deno.test("buildNamespaceContents() finds what cannot be", async (t) => {
  const rows: { name: string; images: NamespaceImages; want: string }[] = [
    {
      name: "a long name",
      images: { uts: { nodename: "a", domainname: "b".repeat(65) } },
      want: `utsns image: its domain name "${"b".repeat(65)}" cannot be one`,
    },
    {
      name: "too few limits",
      images: anIpc({ variables: variables({ semCtls: [1] }) }),
      want: "ipcns-var-9.img: it has 1 limits of semaphores, which are 4",
    },
    {
      name: "the same id twice",
      images: anIpc({ semaphores: [semaphores(1), semaphores(1)] }),
      want: "ipcns-sem-9.img: the id 6 occurs more than once",
    },
    {
      name: "a semaphore that is too high",
      images: anIpc({ semaphores: [semaphores(32768)] }),
      want: "ipcns-sem-9.img, set 6: a semaphore is 32768, and 32767 is the most",
    },
    {
      name: "a message of no type",
      images: anIpc({ queues: [queue(1), queued(0n, "a")] }),
      want: "ipcns-msg-9.img, queue 6: a message is of type 0, which cannot be",
    },
    {
      name: "messages are missing",
      images: anIpc({ queues: [queue(3), queued(1n, "a")] }),
      want: "ipcns-msg-9.img, queue 6: it has 1 of its 3 messages",
    },
  ];
  for (const { name, images, want } of rows) {
    await t.step(name, () => assert.deepEqual(build(images).problems, [want]));
  }
});
