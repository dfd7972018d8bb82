/** What limits cgrestore itself does not limit the tasks; and where it has to, nothing is left. */
import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { taskExists } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";
import { testProgram } from "./support/test_program.ts";

/** Bytes of private memory that can be written; enough for cgrestore, and not for `sparse_memory`. */
const LIMIT = 4 * 2 ** 30;
const WITHOUT_PRIVILEGE = ["setpriv", "--bounding-set=-sys_resource"];

testProgram({ program: "limited_memory", what: "more memory than the task may have by now" });

test("soft limits of cgrestore are raised while memory is made", "sparse_memory", async (tree, images) => {
  const { code, err } = await tree.restoreThrough(["prlimit", `--data=${LIMIT}:`, `--fsize=${LIMIT}:`], images);
  assertEqual(err, "");
  assertEqual(code, 0);
  const limits = Deno.readTextFileSync(`/proc/${tree.root}/limits`);
  assertMatch(limits, /^Max data size +unlimited +unlimited/m);
  assertMatch(limits, /^Max file size +unlimited +unlimited/m);
  assertEqual(await tree.finish(), "ok");
});

const LIMITED = [...WITHOUT_PRIVILEGE, "prlimit", `--data=${LIMIT}:${LIMIT}`];

test("hard limits of cgrestore are told when they are too low for a task", "sparse_memory", async (tree, images) => {
  const { code, err } = await tree.restoreThrough(LIMITED, images);
  assertMatch(err, /CAP_SYS_RESOURCE is missing, to raise its resource limits 2/);
  assertEqual(code, 4);
  assertEqual(taskExists(tree.root), false);
});

test("a restore that gets too little memory leaves nothing", "limited_memory", async (tree, images) => {
  const { code, err } = await tree.restoreThrough(LIMITED, images);
  assertMatch(err, /^Error: Cannot map the memory at \S+ of task \d+: ENOMEM \(there is too little memory, or ulimit/);
  assertEqual(code, 5);
  assertEqual(taskExists(tree.root), false);
});

function test(
  name: string,
  program: string,
  check: (tree: LiveTree, images: string) => Promise<void>,
): void {
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu"),
    async fn() {
      await using tree = await LiveTree.ofProgram(program);
      await check(tree, await tree.dump());
    },
  });
}
