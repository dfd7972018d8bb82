/** Tasks of a pid namespace that others have, as containers do that share one. */
import { deepEqual as assertEquals, equal as assertEqual, match as assertMatch, ok } from "node:assert/strict";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import type { Faults } from "../support/faulty_sys.ts";
import type { Run } from "../support/run_cgrestore.ts";
import { criuPath, type Requirement, requires } from "../support/skip.ts";
import { restoreHere } from "./support/attempt_restore.ts";
import { compareTrees, type TreeDescription } from "./support/describe_tree.ts";
import { providing } from "./support/external_network.ts";
import { ExternalPids, INHERIT, KEY, ROOT } from "./support/external_pids.ts";
import { Container } from "./support/container.ts";
import { runProgram } from "./support/live_tree.ts";
import { needsOf, WITH_PIPES } from "./support/test_container.ts";
import { tryCriu } from "./support/try_criu.ts";

const NEEDS: readonly Requirement[] = ["root", "cc", "criu", "pid-namespaces"];

/** Of so many remote calls one fails: most of them are alike. */
const STRIDE = 23;

interface Dumped {
  readonly pids: ExternalPids;
  readonly before: TreeDescription;
  readonly images: string;
}

/** What a zombie ignored is not in the images. */
const MAY_DIFFER = / status SigIgn$/;

for (
  const program of [
    "several",
    "sessions",
    "told_zombie",
    "pidfds",
    "ended_pidfds",
    "async_owners",
    "namespaces_several",
  ]
) {
  testExternal(program, "tasks get the pids that they had", async ({ pids, before, images }) => {
    const expectFrom = async (who: string, restore: () => Promise<Run>) => {
      const { code, err } = await restore();
      assertEqual(code, 0, `${who}: ${err}`);
      assertEqual(pids.linkOf(pids.root), pids.link, who);
      const differences = [...compareTrees(before, await pids.describe()).keys()];
      assertEqual(await pids.finish(), "ok", who);
      await pids.kill();
      return differences;
    };
    const ours = await expectFrom("cgrestore", () => pids.restore(images));
    const theirs = await tryCriu(() => expectFrom("CRIU", () => pids.restoreWithCriu(images)), () => pids.kill());
    assertEquals(ours.filter((key) => !theirs.includes(key) && !MAY_DIFFER.test(key)), []);
  });
}

testExternal("several", "the pidfile has the pid that is known here", async ({ pids, images }) => {
  for (const [index, options] of [[], ["--restore-sibling"], ["--placeholders"]].entries()) {
    const pidfile = pids.file(`pid${index}`);
    const { code, err } = await pids.restore(images, [...INHERIT, "--pidfile", pidfile, ...options]);
    assertEqual(code, 0, err);
    assertEqual(Number(Deno.readTextFileSync(pidfile)), pids.root);
    assertEqual(pids.linkOf(pids.root), pids.link);
    if (!options.includes("--placeholders")) assertEqual(await pids.finish(), "ok");
    await pids.kill();
  }
});

testExternal("sessions", "nothing is left of a rehearsal", async ({ pids, images }) => {
  for (const options of [[], ["--restore-sibling"], ["--placeholders"]]) {
    const { code, err } = await pids.restore(images, [...INHERIT, "--rehearse", ...options]);
    assertEqual(code, 0, err);
    await pids.awaitEnd();
  }
});

testExternal("several", "the namespace has to be provided, be one, and have room", async ({ pids, images }) => {
  const missing = await runProgram([...pids.command(images)]);
  assertMatch(
    missing.err,
    /^ +pid namespace: the external namespace "extRootPidNS" is needed: --inherit-fd "fd\[N\]:/m,
  );
  assertEqual(missing.code, 4);
  ok(!missing.err.includes("is taken"), missing.err);
  const other = await runProgram([...providing("/"), ...pids.command(images, INHERIT)]);
  assertMatch(other.err, /pid namespace: descriptor 30 for "extRootPidNS" is "\/", and no pid namespace/);
  assertEqual(other.code, 4);
  const closed = await runProgram([...pids.command(images, [...INHERIT, "--placeholders"])]);
  assertMatch(closed.err, /pid namespace: cgrestore was started without descriptor 30 for "extRootPidNS"/);
  assertEqual((await pids.restore(images)).code, 0);
  const taken = await pids.restore(images);
  assertMatch(
    taken.err,
    new RegExp(`task ${ROOT}: its pid is taken in the pid .* by process exe, ${pids.root} here`),
  );
  assertEqual(taken.code, 4);
  await pids.kill();
});

testExternal("sessions", "nothing is left in the namespace when a call fails", async ({ pids, images }) => {
  const sys = openLinuxSys();
  const fd = sys.open(pids.path, 0);
  try {
    sys.setCloseOnExec(fd, false);
    const args = ["-D", images, "-v1", "--inherit-fd", `fd[${fd}]:${KEY}`];
    const attempt = async (faults: Faults) => {
      await pids.putDirectoryBack();
      const found = await restoreHere.attempt(faults, args);
      if (found.status === 0) await pids.kill();
      else await pids.awaitEnd();
      return found;
    };
    const whole = await attempt({});
    assertEqual(whole.status, 0, whole.output);
    for (let n = 1; n <= whole.remoteCalls; n += STRIDE) await attempt({ failRemoteCall: n });
    const first = whole.calls.indexOf("memfdCreate") + 1;
    for (let n = first; n <= whole.calls.length; n += STRIDE) await attempt({ failCall: n });
  } finally {
    sys.close(fd);
  }
});

const USERS = "user_mounts in a pid namespace of others: a user namespace, and a proc that somebody else has to make";
Deno.test({
  name: USERS,
  ...requires(USERS, ...NEEDS),
  async fn() {
    await using pids = await ExternalPids.create();
    await pids.start("user_mounts", { seesProc: true });
    const before = await pids.describe();
    const images = await pids.dump(["--external", "mnt[/proc]:proc"]);
    const missing = await pids.restore(images);
    assertMatch(missing.err, /mount "\/proc" of type proc: .* --external mnt\[proc\]:PATH says by what/);
    const { code, err } = await pids.restore(images, [...INHERIT, "--external", `mnt[proc]:${await pids.mountProc()}`]);
    assertEqual(code, 0, err);
    assertEqual(pids.linkOf(pids.root), pids.link);
    const differences = [...compareTrees(before, await pids.describe()).keys()];
    // The dump has written over a page of code.
    assertEquals(differences.filter((key) => !key.includes(" map ")), []);
    assertEqual(await pids.finish(), "ok");
  },
});

/** Dumps a program of a pid namespace that is external to the dump. */
function testExternal(program: string, what: string, check: (dumped: Dumped) => Promise<void>): void {
  const name = `${program} in a pid namespace of others: ${what}`;
  Deno.test({
    name,
    ...requires(name, ...NEEDS),
    async fn() {
      await using pids = await ExternalPids.create();
      await pids.start(program);
      const before = await pids.describe();
      await check({ pids, before, images: await pids.dump() });
    },
  });
}

const CONTAINER = "a container of runc in a pid namespace of others";
Deno.test({
  name: CONTAINER,
  ...requires(CONTAINER, ...needsOf(WITH_PIPES)),
  async fn() {
    await using pids = await ExternalPids.create();
    await using container = await Container.create(WITH_PIPES);
    await container.edit(({ linux }) => {
      for (const namespace of linux.namespaces) if (namespace.type === "pid") namespace.path = pids.path;
    });
    await container.start();
    const before = pids.pids();
    await container.checkpoint();
    await pids.awaitEnd();
    const finish = async (criu: string) => {
      const { code, err } = await container.restore(criu);
      assertEqual(code, 0, err);
      assertEquals(pids.pids(), before);
      assertEqual(pids.linkOf((await container.state()).pid), pids.link);
      assertEqual(await container.finish(), "ok");
    };
    const reset = async () => {
      await container.remove();
      await pids.awaitEnd();
    };
    await finish(await container.cgrestore());
    await reset();
    await tryCriu(() => finish(criuPath()), reset);
    await reset();
  },
});
