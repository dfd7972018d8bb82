/** (d) Tasks with all that they hold, beside `criu restore -d` of the same images. */
import { execFileSync } from "node:child_process";
import { compileHolder } from "../../tests/contents/support/compile_holder.ts";
import { LiveTree } from "../../tests/contents/support/live_tree.ts";
import { CRIU_VARIABLE } from "../../tests/support/skip.ts";
import { innerMilliseconds, median, row, type Sample, timed } from "./samples.ts";

const ROUNDS = 11;

interface Case {
  readonly name: string;
  /** A program of the tests, or a command line that writes `ready` when it is ready, unless it is to be waited for. */
  readonly program?: string;
  readonly command?: (directory: string) => readonly string[];
  /** Whether its size in memory is what counts, so that it is compared with reading that. */
  readonly isLarge?: boolean;
}

const PYTHON = `
import sys, time
data = [bytes([i % 251]) * 1000 for i in range(30000)]
open(sys.argv[1] + "/ready", "w").close()
time.sleep(1e6)
`;

const NODE = `
const data = Array.from({ length: 200000 }, (_, i) => "entry " + i);
require("fs").writeFileSync(process.argv[1] + "/ready", "");
setInterval(() => data.length, 1000000);
`;

const BASH = `sleep 100000 & (sleep 100000; true) & touch "$0/ready"; wait`;

const CASES: readonly Case[] = [
  { name: "sleep", command: (directory) => ["sh", "-c", 'touch "$0/ready"; exec sleep 100000', directory] },
  { name: "6 threads", program: "six_threads" },
  { name: "bash tree", command: (directory) => ["bash", "-c", BASH, directory] },
  { name: "python", command: (directory) => ["python3", "-c", PYTHON, directory] },
  { name: "node", command: (directory) => ["node", "-e", NODE, directory] },
  { name: "600 MiB", program: "large", isLarge: true },
  { name: "5 x 100 MiB", program: "five_large", isLarge: true },
];

export async function benchContents(cgrestore: string, criu: string | undefined): Promise<void> {
  console.log("\n(d) tasks with their contents");
  if (criu === undefined) return console.log("CRIU is needed for the checkpoints");
  Deno.env.set(CRIU_VARIABLE, criu);
  const holder = await compileHolder();
  for (const benchCase of CASES) await benchOne(benchCase, { cgrestore, criu, holder });
}

interface Programs {
  readonly cgrestore: string;
  readonly criu: string;
  readonly holder: string;
}

async function benchOne(benchCase: Case, { cgrestore, criu, holder }: Programs): Promise<void> {
  const { name, program, command, isLarge } = benchCase;
  await using tree = await LiveTree.create();
  const pid = String(tree.root);
  if (program !== undefined) await tree.start([holder, "spawn", pid, program, tree.directory]);
  else await tree.start([holder, "start", pid, tree.directory, ...command?.(tree.directory) ?? []]);
  await tree.ready();
  // What comes behind "ready" has been done then: an exec, a child, a timer.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const images = await tree.dump();
  const contenders: { name: string; run: () => Sample; samples: Sample[] }[] = [
    {
      name: `${name}: cgrestore`,
      run: () => timed(cgrestore, ["restore", "--json", "-d", "-D", images], innerMilliseconds),
      samples: [],
    },
    {
      name: `${name}: criu restore -d`,
      run: () => timed(criu, ["restore", "-d", "-D", images, "-o", "restore.log", "-v0"]),
      samples: [],
    },
  ];
  if (isLarge === true) {
    const reader = compileReader(images);
    contenders.push({ name: `${name}: preadv alone`, run: () => timed(reader, pagesOf(images)), samples: [] });
  }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { run, samples } of contenders) {
      await tree.putDirectoryBack();
      const sample = run();
      if (round > 0) samples.push(sample);
      await tree.kill();
    }
  }
  for (const contender of contenders) row(contender.name, contender.samples);
  const [ours = NaN, theirs = NaN, read] = contenders.map(({ samples }) => median(samples.map(({ wall }) => wall)));
  const inner = median(contenders[0]?.samples.flatMap((sample) => sample.inner ?? []) ?? []);
  const reading = read === undefined ? "" : `; restoring alone / preadv: ${(inner / read).toFixed(2)}`;
  console.log(`criu / cgrestore: ${(theirs / ours).toFixed(2)}${reading}`);
}

function pagesOf(images: string): string[] {
  return [...Deno.readDirSync(images)].filter(({ name }) => /^pages-\d+\.img$/.test(name)).map(({ name }) => (
    `${images}/${name}`
  ));
}

/** The least that restoring memory can cost: reading all files of pages into fresh memory, two at a time. */
function compileReader(images: string): string {
  const program = `${images}/reader`; // goes with the images
  execFileSync("cc", ["-O2", "-pthread", "-o", program, new URL("read_pages.c", import.meta.url).pathname]);
  return program;
}
