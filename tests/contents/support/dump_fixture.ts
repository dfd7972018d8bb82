/**
 * Makes a fixture, in namespaces of its own: `dump_fixture.ts HOLDER PROGRAM ARCHIVE` dumps a program of the executable
 * HOLDER, writes its images and files to ARCHIVE, and prints the `Fixture`.
 */
import { readImages } from "../../../lib/image/read_images.ts";
import { buildCheckpoint } from "../../../lib/model/build_checkpoint.ts";
import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";
import { compareTrees, type TreeDescription } from "./describe_tree.ts";
import { createFixtureTree, type Fixture, FIXTURE_ROOT, HOLDER } from "./fixture.ts";
import { type LiveTree, runProgram } from "./live_tree.ts";

/** Only what every processor of this architecture has: the C library takes other code where there is more. */
const TUNABLES = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-AVX512BW,-BMI2,-ERMS,-RTM";
/** Nothing of the environment, the directory and the limits of who makes a fixture; nothing that hosts do not have. */
const CLEAN = ["env", "-i", "-C", FIXTURE_ROOT, "PATH=/usr/bin:/bin", `GLIBC_TUNABLES=${TUNABLES}`];
const LIMITS = ["prlimit", "--nofile=1024:4096", "--memlock=65536", "--nproc=1000", "--sigpending=1000", "--core=0"];

async function makeFixture(holder: string, program: string, archive: string): Promise<Fixture> {
  await using tree = await createFixtureTree();
  await Deno.copyFile(holder, HOLDER);
  await tree.start([...CLEAN, ...LIMITS, HOLDER, "spawn", String(tree.root), program, tree.directory]);
  await tree.ready();
  const before = tree.describe();
  const images = await tree.dump(["--file-locks"]);
  await pack(archive, images);
  return {
    program,
    kernel: Deno.osRelease(),
    components: listComponents(images),
    before: Object.fromEntries(before),
    differsAfterCriu: await restoreWithCriu(tree, images, before),
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

async function restoreWithCriu(tree: LiveTree, images: string, before: TreeDescription): Promise<string[]> {
  const { code, err } = await tree.restoreWithCriu(images, ["--file-locks"]);
  if (code !== 0) throw new Error(`Cannot restore with CRIU: ${err}`);
  const differences = compareTrees(before, tree.describe());
  await tree.finish();
  return [...differences.keys()].sort();
}

const [holder = "", program = "", archive = ""] = Deno.args;
console.log(JSON.stringify(await makeFixture(holder, program, archive)));
