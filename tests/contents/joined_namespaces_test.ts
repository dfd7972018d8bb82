/** Tasks that get into namespaces that are there, as those of containers of one pod. */
import { deepEqual as assertEquals, equal as assertEqual, match } from "node:assert/strict";
import type { Run } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";
import { compileHolder } from "./support/compile_holder.ts";
import { LiveTree } from "./support/live_tree.ts";
import { endKeeper, startKeeper } from "./support/start_keeper.ts";
import { tryCriu } from "./support/try_criu.ts";

const KINDS = ["uts", "ipc", "time"] as const;
type Joined = typeof KINDS[number];

interface Dumped {
  readonly tree: LiveTree;
  readonly images: string;
  /** Pid of a process that is in other namespaces. */
  readonly pid: number;
}

testJoined("--join-ns puts tasks into namespaces that are there", async ({ tree, images, pid }) => {
  await expectJoined({ tree, images, pid }, { kinds: KINDS, options: [] });
});

testJoined("--join-ns with --restore-sibling", async ({ tree, images, pid }) => {
  await expectJoined({ tree, images, pid }, { kinds: KINDS, options: ["--restore-sibling"] });
});

testJoined("--join-ns leaves other namespaces to be made", async ({ tree, images, pid }) => {
  await expectJoined({ tree, images, pid }, { kinds: ["ipc"], options: [] });
});

testJoined("--join-ns refuses what is no such namespace", async ({ tree, images, pid }) => {
  const missing = await tree.restore(images, ["--join-ns", "uts:/nowhere"]);
  assertEqual(missing.code, 4);
  match(missing.err, /the uts namespace "\/nowhere" for --join-ns: there is no such file/);
  const other = await tree.restore(images, ["--join-ns", `uts:/proc/${pid}/ns/ipc`]);
  assertEqual(other.code, 5);
  match(other.err, /Cannot enter the uts namespace "\/proc\/\d+\/ns\/ipc": EINVAL \(it is none of that kind\)/);
  assertEquals(tree.listTasks(), []);
});

/** CRIU puts them into the same ones. */
async function expectJoined(
  { tree, images, pid }: Dumped,
  { kinds, options }: { readonly kinds: readonly Joined[]; readonly options: readonly string[] },
): Promise<void> {
  const joins = kinds.flatMap((kind) => ["--join-ns", `${kind}:${pid}`]);
  const expectFrom = async (who: string, restore: () => Promise<Run>) => {
    const { code, err } = await restore();
    assertEqual(code, 0, `${who}: ${err}`);
    for (const task of tree.listTasks()) {
      const found = KINDS.filter((kind) => linkOf(task, kind) === linkOf(pid, kind));
      assertEquals(found, kinds, `${who}: namespaces of task ${task}`);
    }
    assertEqual(await tree.finish(), "ok");
    await tree.kill();
  };
  await expectFrom("cgrestore", () => tree.restore(images, [...joins, ...options]));
  await tryCriu(() => expectFrom("CRIU", () => tree.restoreWithCriu(images, joins)), () => tree.kill());
}

function linkOf(pid: number, kind: Joined): string {
  return Deno.readLinkSync(`/proc/${pid}/ns/${kind}`);
}

/** Dumps a program with a child that was in namespaces of its own. */
function testJoined(name: string, check: (dumped: Dumped) => Promise<void>): void {
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu"),
    async fn() {
      const holder = await compileHolder();
      const keeper = await startKeeper(["--uts", "--ipc", "--time", "--fork"]);
      try {
        await using tree = await LiveTree.create();
        const spawn = [holder, "spawn", String(tree.root), "several", tree.directory];
        await tree.start(["unshare", "--uts", "--ipc", ...spawn]);
        await tree.ready();
        const pid = onlyChildOf(keeper.pid);
        await check({ tree, images: await tree.dump(), pid });
      } finally {
        await endKeeper(keeper);
      }
    },
  });
}

/** Who has gone into the time namespace, which is for children. */
function onlyChildOf(pid: number): number {
  return Number(Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`));
}
