/** What tasks have in memory after a restore belongs to their cgroup, and not to cgrestore's. */
import { equal as assertEqual, ok as assert } from "node:assert/strict";
import { parseMaps } from "../../lib/host/parse_maps.ts";
import { PAGE_SIZE } from "../../lib/model/address_space.ts";
import { UNIFIED } from "../../lib/model/hierarchy.ts";
import { OwnCgroups } from "../support/own_cgroups.ts";
import { type Requirement, requires } from "../support/skip.ts";
import { inCgroup } from "./support/linked_cgroups.ts";
import { LiveTree } from "./support/live_tree.ts";

const MIB = 2 ** 20;
const PROGRAMS: readonly Program[] = [
  { program: "hundred_megabytes", what: "memory", size: 100 * MIB, check: checkOwners },
  {
    program: "memory_of_files",
    what: "what is in memory without being mapped",
    size: 80 * MIB,
    dump: ["--ghost-limit", "32M"],
    restore: ["--root", "/"],
  },
];
/** What may be left of cgrestore when it has ended: what this test, and the kernel, have needed meanwhile. */
const MARGIN = 32 * MIB;
/** Number of the frame that a page is in, in an entry of /proc/PID/pagemap. */
const FRAME_MASK = (1n << 55n) - 1n;
/** In /proc/kpageflags. */
const COMPOUND_TAIL = 1n << 16n;

for (const program of PROGRAMS) {
  test(program, { version: "v1", needs: "v1", hierarchy: "memory", usage: "memory.usage_in_bytes" });
  test(program, { version: "v2", needs: "v2-memory", hierarchy: UNIFIED, usage: "memory.current" });
}

interface Program {
  readonly program: string;
  readonly what: string;
  /** Bytes that it has in memory. */
  readonly size: number;
  readonly dump?: readonly string[];
  readonly restore?: readonly string[];
  /** Looks at whose the memory of the task is. */
  readonly check?: (pid: number, cgroup: string) => void;
}

interface Layout {
  readonly version: "v1" | "v2";
  readonly needs: Requirement;
  readonly hierarchy: string;
  /** The file that says how much a cgroup is charged for. */
  readonly usage: string;
}

function test(
  { program, what, size, dump = [], restore = [], check }: Program,
  { version, needs, hierarchy, usage }: Layout,
): void {
  const name = `${what} is charged to the cgroup of the tasks, ${version}`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu", needs),
    async fn() {
      using own = new OwnCgroups();
      await using tree = await LiveTree.create({ directory: makeDirectory() });
      const top = `${own.mountPoint(hierarchy)}/${own.id}`;
      own.make({
        hierarchy,
        path: `/${own.id}`,
        files: version === "v2" ? [["cgroup.subtree_control", "+memory"]] : [],
      });
      own.make({ hierarchy, path: `/${own.id}/program` });
      own.make({ hierarchy, path: `/${own.id}/restorer` });
      await tree.startProgram(program, { through: inCgroup(`${top}/program`) });
      const images = await tree.dump(dump);
      Deno.removeSync(`${top}/program`);

      await whileIn(`${top}/restorer`, async () => {
        const { code, err } = await tree.restore(images, restore);
        assertEqual(err, "");
        assertEqual(code, 0);
      });
      const charged = readUsage(`${top}/program/${usage}`);
      assert(charged >= size, `the tasks are charged for ${charged} bytes`);
      const { shared, cached } = readFiles(`${top}/restorer/memory.stat`);
      const leftover = readUsage(`${top}/restorer/${usage}`) - cached;
      assert(leftover < MARGIN, `cgrestore is charged for ${leftover} bytes`);
      assertEqual(shared, 0, "cgrestore is charged for memory that tasks may share");
      check?.(tree.root, `${top}/program`);
      assertEqual(await tree.finish(), "ok");
    },
  });
}

/** Where no file system in memory is mounted: that of a test would be dumped with what is in it. */
function makeDirectory(): string {
  Deno.mkdirSync("/var/tmp", { recursive: true });
  return Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "cgr-tree-" });
}

/** Runs something with this process, and what it starts, in a cgroup. */
async function whileIn(directory: string, action: () => Promise<void>): Promise<void> {
  const enter = (path: string) => Deno.writeTextFileSync(`${path}/cgroup.procs`, String(Deno.pid));
  const [root] = directory.split(/\/cgr-/);
  const before = ownCgroup(root ?? "");
  enter(directory);
  try {
    await action();
  } finally {
    enter(before);
  }
}

/** The cgroup that this process is in, of the hierarchy that is mounted there. */
function ownCgroup(mountPoint: string): string {
  const controller = mountPoint.slice(mountPoint.lastIndexOf("/") + 1);
  const lines = Deno.readTextFileSync("/proc/self/cgroup").trim().split("\n").map((line) => line.split(":"));
  const line = lines.find(([, name = ""]) => name.split(",").includes(controller)) ?? lines.find(([id]) => id === "0");
  return `${mountPoint}${line?.slice(2).join(":") ?? ""}`;
}

function readUsage(path: string): number {
  return Number(Deno.readTextFileSync(path));
}

/** How much of that are pages of files in memory, and how much others, which stay when they have been read. */
function readFiles(path: string): { readonly shared: number; readonly cached: number } {
  const numbers = new Map(Deno.readTextFileSync(path).split("\n").map((line) => line.split(" ") as [string, string]));
  const shared = Number(numbers.get("shmem"));
  return { shared, cached: Number(numbers.get("file") ?? numbers.get("cache")) - shared };
}

/** Every page of the program's own belongs to the cgroup (Documentation/admin-guide/mm/pagemap.rst). */
function checkOwners(pid: number, cgroup: string): void {
  const inode = BigInt(Deno.statSync(cgroup).ino ?? 0);
  const mappings = parseMaps(Deno.readTextFileSync(`/proc/${pid}/maps`));
  const own = mappings.find(({ start, end }) => end - start === 64 * MIB);
  assert(own !== undefined);
  using pagemap = Deno.openSync(`/proc/${pid}/pagemap`);
  using owners = Deno.openSync("/proc/kpagecgroup");
  const ownerOf = (entry: bigint) => readWord(owners, headOf(Number(entry & FRAME_MASK)));
  // A sample, because each one is a file to be read.
  for (let page = own.start / PAGE_SIZE; page < own.end / PAGE_SIZE; page += 16) {
    let [entry, owner] = [0n, 0n];
    // The kernel may move a page while it is looked at, to make a huge one of several.
    while (entry !== readWord(pagemap, page)) {
      entry = readWord(pagemap, page);
      owner = ownerOf(entry);
    }
    const where = `page ${page} (${entry.toString(16)})`;
    assertEqual(owner, inode, `${where} is of the cgroup ${owner}, and should be of ${inode}`);
  }
}

/** The frame of a huge page that knows whose it is, where the frame is part of one: the first. */
function headOf(frame: number): number {
  using flags = Deno.openSync("/proc/kpageflags");
  return (readWord(flags, frame) & COMPOUND_TAIL) === 0n ? frame : frame - frame % (2 * MIB / PAGE_SIZE);
}

/** A word of 64 bits of a file of such words, by its number. */
function readWord(file: Deno.FsFile, number: number): bigint {
  const word = new BigUint64Array(1);
  file.seekSync(number * 8, Deno.SeekMode.Start);
  if (file.readSync(new Uint8Array(word.buffer)) !== 8) throw new Error(`Cannot read word ${number}: it is not there`);
  return word[0] ?? 0n;
}
