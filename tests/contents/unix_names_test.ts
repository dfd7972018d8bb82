/** What there is already where unix sockets get their names, or are connected to, and what becomes of it. */
import { deepEqual as assertEquals, equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { core_entrySchema } from "../gen/core_pb.ts";
import { type Run, runCgrestore } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";
import { editImage } from "./support/edit_image.ts";
import { LiveTree } from "./support/live_tree.ts";

/** Status of a restore that was refused while it was planned. */
const REFUSED = 4;

/** A program that has been dumped, and whose directory is as it was then. */
interface Dumped {
  readonly tree: LiveTree;
  readonly images: string;
}

function testNames(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ...requires(name, "root", "cc", "criu"), fn });
}

function testDumped(name: string, program: string, fn: (dumped: Dumped) => Promise<void>): void {
  testNames(name, async () => {
    await using tree = await LiveTree.create();
    await tree.startProgram(program);
    const images = await tree.dump();
    await tree.putDirectoryBack();
    await fn({ tree, images });
  });
}

/** Unlike that of a tree, it leaves the directory as it is. */
function restore(images: string, ...options: readonly string[]): Promise<Run> {
  return runCgrestore(["restore", "--images", images, "--restore-detached", "-v1", ...options]);
}

function assertRefused({ code, err }: Run, tree: LiveTree, message: RegExp): void {
  assertMatch(err, message);
  assertEqual(code, REFUSED);
  assertEquals(tree.listTasks(), []);
}

testDumped("a restore replaces the file of a socket that is gone", "unix_server", async ({ tree, images }) => {
  const before = Deno.lstatSync(`${tree.directory}/server`).ino;
  assertEqual((await restore(images)).err, "");
  assertEqual(Deno.lstatSync(`${tree.directory}/server`).ino === before, false);
  assertEqual(tree.has(".cgrestore-server"), false);
  assertEqual(await tree.finish(), "ok");
});

testDumped("a rehearsal puts the file of a socket back", "unix_server", async ({ tree, images }) => {
  const before = Deno.lstatSync(`${tree.directory}/server`);
  assertEqual((await restore(images, "--rehearse")).err, "");
  const { ino, mode } = Deno.lstatSync(`${tree.directory}/server`);
  assertEquals([ino, mode], [before.ino, before.mode]);
  assertEqual(tree.has(".cgrestore-server"), false);
});

testDumped("a rehearsal leaves no file of a socket", "unix_server", async ({ tree, images }) => {
  Deno.removeSync(`${tree.directory}/server`);
  assertEqual((await restore(images, "--rehearse")).err, "");
  assertEqual(tree.has("server"), false);
});

testDumped("a file that is no socket is left alone", "unix_server", async ({ tree, images }) => {
  const path = `${tree.directory}/server`;
  Deno.removeSync(path);
  Deno.writeTextFileSync(path, "precious");
  const message = /task \d+, descriptor \d+, unix socket \d+ ".*\/server": a file that is no socket has its name here/;
  assertRefused(await restore(images), tree, message);
  assertEqual(Deno.readTextFileSync(path), "precious");
});

testDumped("a socket that answers is left alone", "unix_server", async ({ tree, images }) => {
  const path = `${tree.directory}/server`;
  Deno.removeSync(path);
  using listener = Deno.listen({ transport: "unix", path });
  assertRefused(await restore(images), tree, /unix socket \d+ ".*\/server": another socket answers at its name here/);
  using _ = await Deno.connect({ transport: "unix", path });
  (await listener.accept()).close();
});

testDumped("the directory of a name must be there", "unix_names", async ({ tree, images }) => {
  Deno.removeSync(`${tree.directory}/deep`, { recursive: true });
  assertRefused(await restore(images), tree, /unix socket \d+ "relative": there is no directory ".*\/deep" here/);
});

testDumped("what is left of a killed restore is not overwritten", "unix_server", async ({ tree, images }) => {
  Deno.writeTextFileSync(`${tree.directory}/.cgrestore-server`, "");
  assertRefused(
    await restore(images),
    tree,
    /".*\/\.cgrestore-server" is left from a restore that was killed: remove it/,
  );
  assertEqual(tree.has("server"), true);
});

testDumped("an abstract name must be free", "unix_datagram_name", async ({ tree, images }) => {
  await using outsider = await LiveTree.create();
  Deno.writeTextFileSync(`${outsider.directory}/outside`, `\0cgr-${tree.root}-datagram`);
  await outsider.startProgram("unix_outsider");
  const message = /unix socket \d+ "@cgr-\d+-datagram": another socket has its name here/;
  assertRefused(await restore(images), tree, message);
});

for (const kind of ["path", "abstract"] as const) {
  testNames(`sockets are connected again to those outside of the checkpoint: ${kind}`, async () => {
    await using outsider = await LiveTree.create();
    await using tree = await LiveTree.create();
    const name = kind === "path" ? `${outsider.directory}/socket\0` : `\0cgr-${outsider.root}-outside`;
    for (const { directory } of [outsider, tree]) Deno.writeTextFileSync(`${directory}/outside`, name);
    await outsider.startProgram("unix_outsider");
    await tree.startProgram("unix_external");
    const images = await tree.dump(["--ext-unix-sk"]);
    await tree.putDirectoryBack();
    assertRefused(await restore(images), tree, /is outside of the checkpoint: "--ext-unix-sk" connects it again/);
    assertEqual((await restore(images, "--ext-unix-sk")).err, "");
    assertEqual(await tree.finish(), "ok");
    assertEqual(await outsider.finish(), "ok");
    await tree.kill();
    await outsider.kill();
    await tree.putDirectoryBack();
    const message = kind === "path" ? /and does not answer here/ : /and not here/;
    assertRefused(await restore(images, "--ext-unix-sk"), tree, message);
  });
}

testDumped("peers have the ids of the task that has the socket", "unix_peer_credentials", async ({ tree, images }) => {
  editImage(`${images}/core-${tree.root + 1}.img`, core_entrySchema, ({ threadCore }) => {
    Object.assign(threadCore!.creds!, { uid: 1000, euid: 1000, suid: 1000, fsuid: 1000 });
    Object.assign(threadCore!.creds!, { gid: 2000, egid: 2000, sgid: 2000, fsgid: 2000, groups: [2001] });
  });
  assertEqual((await restore(images)).err, "");
  assertEqual(await tree.finish(), "ok");
});
