/**
 * Makes a fixture, in namespaces of its own: `dump_fixture.ts HOLDER NAME ARCHIVE` dumps a program of the executable
 * HOLDER, writes its images and files to ARCHIVE, and prints the `Fixture` without its name.
 */
import { readImages } from "../../../lib/image/read_images.ts";
import { buildCheckpoint } from "../../../lib/model/build_checkpoint.ts";
import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";
import { compareTrees, type TreeDescription } from "./describe_tree.ts";
import { createFixtureTree, type Fixture, FIXTURE_ROOT, HOLDER, settingOf } from "./fixture.ts";
import { type LiveTree, runProgram } from "./live_tree.ts";

/** Only what every processor of this architecture has: the C library takes other code where there is more. */
const TUNABLES = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-AVX512BW,-BMI2,-ERMS,-RTM";
/** Nothing of the environment, the directory and the limits of who makes a fixture; nothing that hosts do not have. */
const CLEAN = ["env", "-i", "-C", FIXTURE_ROOT, "PATH=/usr/bin:/bin", `GLIBC_TUNABLES=${TUNABLES}`];
const LIMITS = ["prlimit", "--nofile=1024:4096", "--memlock=65536", "--nproc=1000", "--sigpending=1000", "--core=0"];

async function makeFixture(holder: string, name: string, archive: string): Promise<Omit<Fixture, "name">> {
  const { program, namespaces, setup, dump, restore } = settingOf(name);
  await using tree = await createFixtureTree();
  await Deno.copyFile(holder, HOLDER);
  const inside = ["unshare", ...namespaces, "sh", "-c", `(${setup}) && exec "$@" </dev/null >/dev/null 2>&1`, "sh"];
  await tree.start([...inside, ...CLEAN, ...LIMITS, HOLDER, "spawn", String(tree.root), program, tree.directory]);
  await tree.ready();
  const before = tree.describe();
  const images = await tree.dump(["--file-locks", ...dump]);
  await pack(archive, images);
  return {
    kernel: Deno.osRelease(),
    components: listComponents(images),
    before: Object.fromEntries(before),
    differsAfterCriu: await restoreWithCriu(tree, images, { before, options: restore }),
  };
}

async function pack(archive: string, images: string): Promise<void> {
  await runProgram(["cp", "-r", images, `${FIXTURE_ROOT}/images`]);
  const options = [
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--sort=name",
    "--exclude=*.log",
    "--exclude=stats-dump",
  ];
  const command = ["tar", "-czf", archive, ...options, "-C", FIXTURE_ROOT, "images", "files"];
  const { code, err } = await runProgram(command);
  if (code !== 0) throw new Error(`Cannot write ${archive}: ${err}`);
}

function listComponents(images: string): number[] {
  const sys = openLinuxSys();
  const { contents } = buildCheckpoint(readImages(sys, images, { contents: true }));
  sys.release();
  const threads = [...contents?.threads.values() ?? []];
  return [...new Set(threads.flatMap(({ registers }) => [...registers.floating?.components.keys() ?? []]))].sort();
}

async function restoreWithCriu(
  tree: LiveTree,
  images: string,
  { before, options }: { readonly before: TreeDescription; readonly options: readonly string[] },
): Promise<string[]> {
  const { code, err } = await tree.restoreWithCriu(images, ["--file-locks", ...options]);
  if (code !== 0) throw new Error(`Cannot restore with CRIU: ${err}`);
  const differences = compareTrees(before, await tree.describeWaiting(before));
  await tree.finish();
  return [...differences.keys()].sort();
}

const [holder = "", name = "", archive = ""] = Deno.args;
console.log(JSON.stringify(await makeFixture(holder, name, archive)));
