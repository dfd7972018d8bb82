/** Tasks under profiles of AppArmor. */
import { deepEqual as assertEquals, equal as assertEqual, match, throws } from "node:assert/strict";
import { requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";
import { ALL_BUT_SIGNALS, EVERYTHING, OwnProfiles, profileOf } from "./support/own_profiles.ts";
import { testProgram } from "./support/test_program.ts";

/** The one of the root task, and that of its thread and of one of its children. */
const [ONE, TWO] = ["cgrestore-test-one", "cgrestore-test-two"];
const OTHER = "cgrestore-test-other";
const PROFILES = { [ONE]: `${EVERYTHING} deny /**/one r,`, [TWO]: `${EVERYTHING} deny /**/two r,` };

testProgram({
  program: "profiles",
  what: "profiles of AppArmor, of tasks and of threads",
  profiles: PROFILES,
  needs: ["apparmor"],
});

testDumped("tasks whose profiles forbid signals from us are ended all the same", async ({ tree, images, profiles }) => {
  await profiles.replace(() => ALL_BUT_SIGNALS);
  await restore(tree, images);
  throws(() => Deno.kill(tree.root, "SIGCONT"), /EACCES/);
  await profiles.replace(() => EVERYTHING);
  await tree.kill();
  await profiles.replace(() => ALL_BUT_SIGNALS);
  await restore(tree, images, "--rehearse");
  assertEquals(tree.listTasks(), []);
});

testDumped("profiles are chosen, and none is replaced where there was none", async ({ tree, images }) => {
  await using _ = await OwnProfiles.load({ [OTHER]: EVERYTHING });
  await restore(tree, images, "--lsm-profile", `apparmor:${OTHER}`);
  assertEquals(tree.listTasks().map(profileOf), [OTHER, OTHER, "unconfined"]);
});

testDumped("profiles that are not loaded are missed while planning", async ({ tree, images, profiles }) => {
  await profiles.remove();
  const { code, err } = await tree.restore(images);
  assertEqual(code, 4);
  match(err, /task \d+: its profile "cgrestore-test-one" of AppArmor is not loaded here: load it with apparmor_parser/);
  match(err, /thread \d+ of task \d+: its profile "cgrestore-test-two" of AppArmor is not loaded here/);
  assertEquals(tree.listTasks(), []);
  await restore(tree, images, "--lsm-profile", "none");
  assertEquals(tree.listTasks().map(profileOf), ["unconfined", "unconfined", "unconfined"]);
});

testDumped("a profile that goes before it is set has all undone", async ({ tree, images, profiles }) => {
  await profiles.remove();
  const loaded = { "/sys/kernel/security/apparmor/profiles": `${ONE} (enforce)\n${TWO} (enforce)\n` };
  const { code, err } = await tree.restorePretending(images, { host: loaded });
  assertEqual(code, 5);
  match(err, /Cannot put task \d+ ".*" under the profile "cgrestore-test-.*" of AppArmor: ENOENT \(it is not loaded/);
  assertEquals(tree.listTasks(), []);
});

testDumped("another profile than it should be has all undone", async ({ tree, images }) => {
  const path = `/proc/${tree.root}/task/${tree.root}/attr/apparmor/current`;
  const { code, err } = await tree.restorePretending(images, { host: { [path]: "another (enforce)\n" } });
  assertEqual(code, 6);
  match(err, /its profile is "another", and should be "cgrestore-test-one"/);
  assertEquals(tree.listTasks(), []);
});

interface Dumped {
  readonly tree: LiveTree;
  readonly images: string;
  readonly profiles: OwnProfiles;
}

function testDumped(name: string, check: (dumped: Dumped) => Promise<void>): void {
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu", "apparmor"),
    async fn() {
      await using profiles = await OwnProfiles.load(PROFILES);
      await using tree = await LiveTree.ofProgram("profiles");
      await check({ tree, images: await tree.dump(), profiles });
    },
  });
}

async function restore(tree: LiveTree, images: string, ...options: string[]): Promise<void> {
  const { code, err } = await tree.restore(images, options);
  assertEqual(err, "");
  assertEqual(code, 0);
}
