import assert from "node:assert/strict";
import { readImages } from "../../lib/image/read_images.ts";
import { buildCheckpoint } from "../../lib/model/build_checkpoint.ts";
import { DenoFilesSys } from "../support/deno_files_sys.ts";

const FIXTURES = new URL("../fixtures/checkpoints/", import.meta.url).pathname;
const NAMES = [...Deno.readDirSync(FIXTURES)].map((entry) => entry.name).filter((name) => /-criu[34]$/.test(name))
  .sort();

/** What another decoder made of the same images. */
interface MetaPerms {
  mode: number;
  uid: number;
  gid: number;
}
interface MetaDirectory {
  dir_name: string;
  children?: MetaDirectory[];
  properties?: { name: string; value: string; perms?: MetaPerms }[];
  dir_perms?: MetaPerms;
}
interface MetaCgroup {
  sets: { id: number; ctls: { name: string; path: string }[] }[];
  controllers: { cnames: string[]; dirs: MetaDirectory[] }[];
}

function meta(name: string, file: string): string {
  return Deno.readTextFileSync(`${FIXTURES}${name}/meta/${file}`);
}

function metaEntries<T>(name: string, file: string): T[] {
  return JSON.parse(meta(name, file)).entries;
}

function readCheckpoint(name: string) {
  const files = new DenoFilesSys();
  const checkpoint = buildCheckpoint(readImages(files.sys, `${FIXTURES}${name}`, { contents: false }));
  assert.deepEqual(files.left, []);
  return checkpoint;
}

/** Paths of each pid by hierarchy, from the copy of /proc/PID/cgroup that was taken before the dump. */
function memberships(text: string): Map<number, Record<string, string>> {
  const found = new Map<number, Record<string, string>>();
  for (const block of text.split("-- pid ").slice(1)) {
    const lines = block.slice(block.indexOf("\n")).trim().split(/\s+/);
    const paths = lines.map((line) => line.split(":")).map(([, name = "", path = ""]) => [name, path]);
    found.set(parseInt(block), Object.fromEntries(paths));
  }
  return found;
}

function permissions(perms: MetaPerms | undefined) {
  return perms === undefined ? {} : { permissions: { mode: perms.mode & 0o7777, uid: perms.uid, gid: perms.gid } };
}

function flatten(entry: MetaDirectory, path: string): unknown[] {
  const properties = (entry.properties ?? []).map(({ name, value, perms }) => ({ name, value, ...permissions(perms) }));
  const below = (entry.children ?? []).flatMap((child) => flatten(child, `${path}/${child.dir_name}`));
  return [{ path, ...permissions(entry.dir_perms), properties }, ...below];
}

Deno.test("there are twelve real checkpoints", () => assert.equal(NAMES.length, 12));

for (const name of NAMES) {
  Deno.test(`the real checkpoint ${name} is read as it was dumped`, async (t) => {
    const checkpoint = readCheckpoint(name);

    await t.step("inventory", () => {
      const [inventory] = metaEntries<{ img_version: number; root_cg_set: number }>(name, "inventory.json");
      assert.equal(checkpoint.imageVersion, inventory?.img_version);
      assert.equal(checkpoint.ownSet, inventory?.root_cg_set);
      assert.equal(checkpoint.architecture, "x86_64");
      assert.deepEqual(checkpoint.namespaces, new Set());
    });

    await t.step("tasks", () => {
      const entries = metaEntries<{ pid: number; ppid: number; pgid: number; sid: number }>(name, "pstree.json");
      assert.deepEqual(
        checkpoint.tasks.map(({ pid, parent, group, session }) => ({ pid, ppid: parent, pgid: group, sid: session })),
        entries.map(({ pid, ppid, pgid, sid }) => ({ pid, ppid, pgid, sid })),
      );
      assert.deepEqual(checkpoint.tasks.map((task) => task.pid), meta(name, "pids").trim().split(" ").map(Number));
      assert.deepEqual(checkpoint.tasks.map((task) => task.comm), ["sh", "sleep", "sleep"]);
      assert.deepEqual(checkpoint.tasks.map((task) => task.state), ["alive", "alive", "alive"]);
      assert.deepEqual(checkpoint.tasks.map((task) => task.threads), [[], [], []]);
    });

    await t.step("every task is where /proc said", () => {
      const before = memberships(meta(name, "proc-cgroup.before.txt"));
      assert.equal(before.size, 3);
      for (const { pid, set } of checkpoint.tasks) {
        const members = checkpoint.sets.get(set ?? 0)?.members ?? [];
        assert.deepEqual(Object.fromEntries(members.map(({ hierarchy, path }) => [hierarchy, path])), before.get(pid));
      }
    });

    await t.step("sets and controllers", () => {
      const [cgroup] = metaEntries<MetaCgroup>(name, "cgroup.json");
      assert.ok(cgroup);
      const sets = cgroup.sets.map(({ id, ctls }) => ({
        id,
        members: ctls.map(({ name, path }) => ({ hierarchy: name, path })),
      }));
      assert.deepEqual([...checkpoint.sets.values()], sets);
      const trees = cgroup.controllers.map(({ cnames, dirs }): [string, unknown[]] => [
        cnames.join(","),
        dirs.flatMap((head) => flatten(head, `/${head.dir_name}`)),
      ]);
      assert.equal(checkpoint.controllers.length, trees.length);
      for (const { hierarchy, directories } of checkpoint.controllers) {
        const want = new Map(trees).get(hierarchy) as { path: string }[];
        assert.deepEqual(directories, want.toSorted((a, b) => a.path < b.path ? -1 : 1));
      }
    });
  });
}
