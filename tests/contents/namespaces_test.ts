import { fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { ipc_shm_entrySchema } from "../gen/ipc_pb.ts";
import { timens_entrySchema, utsns_entrySchema } from "../gen/namespaces_pb.ts";
import { task_kobj_ids_entrySchema } from "../gen/task_kobj_ids_pb.ts";
import { requires } from "../support/skip.ts";
import { editImage, only } from "./support/edit_image.ts";
import { LiveTree } from "./support/live_tree.ts";
import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";

testProgram({ program: "uts", what: "names of a host" });
testProgram({ program: "uts_odd", what: "names of a host that are no text" });

testProgram({ program: "time_ahead", what: "clocks that are ahead" });
testProgram({ program: "time_behind", what: "clocks that are behind" });
testProgram({ program: "time_host", what: "clocks of the host" });

testProgram({ program: "kept_namespaces", what: "namespaces of its own that are open" });
testProgram({
  program: "left_namespaces",
  what: "namespaces that it has left, and its own, that are open",
  criuFails: "it looks for namespaces among those of tasks only",
});

testProgram({
  program: "shm",
  what: "System V shared memory, with holes",
  criuFails: "it attaches whole segments only",
});
testProgram({
  program: "shm_modes",
  what: "removed, locked and foreign shared memory",
  // The name of removed memory still has the key that it had, which no image has.
  mayDiffer: / map /,
  criuFails: "it takes the flags of what is there for those of what is to be made",
});
testProgram({
  program: "shm_forced",
  what: "shared memory that ends with its last user",
  criuFails: "the memory ends when it has filled it",
});
testProgram({ program: "shm_huge", what: "System V shared memory in huge pages", hugePages: 8 });
testProgram({ program: "shm_mlocked", what: "System V shared memory that is locked by a task" });
testProgram({ program: "msg", what: "System V message queues" });
testProgram({
  program: "msg_limits",
  what: "large messages, and capacities",
  criuFails: "it sends 8192 bytes at most",
});
testProgram({ program: "sem", what: "System V semaphores" });
testProgram({
  program: "ipc_limits",
  what: "limits that are below what there is",
  criuFails: "it sets the limits before it makes what is beyond them",
});
testProgram({ program: "namespaces_several", what: "several namespaces" });
testProgram({
  program: "namespaces_several",
  what: "namespaces that the root joins",
  cgrestore: ["--restore-sibling"],
});

testEdited({
  program: "idle",
  what: "a user namespace without an image is refused",
  edit: editIds((ids) => ids.userNsId += 1000),
  refused: /userns-\d+\.img: there is no such file/,
  status: 3,
});
testEdited({
  program: "idle",
  what: "a namespace without an image is refused",
  edit: editIds((ids) => ids.ipcNsId += 1000),
  refused: /ipcns-var-\d+\.img: there is no such file/,
  status: 3,
});
testEdited({
  program: "idle",
  what: "a mnt namespace without an image is refused",
  edit: editIds((ids) => ids.mntNsId += 1000),
  refused: /mountpoints-\d+\.img: there is no such file/,
  status: 3,
});
testEdited({
  program: "uts",
  what: "names that are too long are refused",
  edit: (images) => editImage(only(images, /^utsns-/), utsns_entrySchema, (entry) => entry.nodename = "x".repeat(65)),
  refused: /its host name "x{65}" cannot be one/,
  status: 3,
});

editedTest("clocks of another host go on", "time_host", (images) => {
  editImage(`${images}/timens-0.img`, timens_entrySchema, ({ monotonic, boottime }) => {
    monotonic!.tvSec += 5000n;
    boottime!.tvSec += 7000n;
  });
}, (tree) => {
  const offsets = Deno.readTextFileSync(`/proc/${tree.root}/timens_offsets`).split("\n");
  // Less what has passed since the dump.
  assertMatch(offsets[0] ?? "", /^monotonic +49\d\d /);
  assertMatch(offsets[1] ?? "", /^boottime +69\d\d /);
});

editedTest("shared memory whose content is in its own image, as in old dumps", "namespaces_several", (images) => {
  const file = only(images, /^ipcns-shm-/);
  const bytes = Deno.readFileSync(file);
  const entry = fromBinary(ipc_shm_entrySchema, bytes.subarray(12));
  Deno.removeSync(`${images}/pagemap-shmem-${entry.desc!.id}.img`);
  entry.inPagemaps = false;
  const payload = toBinary(ipc_shm_entrySchema, entry);
  const edited = new Uint8Array(12 + payload.length + Number(entry.size));
  edited.set(bytes.subarray(0, 8));
  new DataView(edited.buffer).setUint32(8, payload.length, true);
  edited.set(payload, 12);
  edited.set(new TextEncoder().encode("content"), 12 + payload.length + 4096);
  Deno.writeFileSync(file, edited);
}, async (tree) => assertEqual(await tree.finish(), "ok"));

/** Restores a program from images that were edited, and checks it. */
function editedTest(
  what: string,
  program: string,
  edit: (images: string) => void,
  check: (tree: LiveTree) => void | Promise<void>,
): void {
  const name = `${program}, edited: ${what}`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu"),
    async fn() {
      await using tree = await LiveTree.ofProgram(program);
      const images = await tree.dump();
      edit(images);
      const { code, err } = await tree.restore(images);
      assertEqual(err, "");
      assertEqual(code, 0);
      await check(tree);
    },
  });
}

function editIds(edit: (ids: MessageShape<typeof task_kobj_ids_entrySchema>) => void) {
  return (images: string, root: number) => editImage(`${images}/ids-${root}.img`, task_kobj_ids_entrySchema, edit);
}
