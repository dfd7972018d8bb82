/**
 * Images that are sound as such, but with something else in a field: what comes of them is a plan, or told reasons why
 * there is none. The same changes each time.
 */
import { ok as assert } from "node:assert/strict";
import { run } from "../../lib/cli/run.ts";
import type { ArchivedFile } from "../../lib/image/content_images.ts";
import { readArchive } from "../../lib/image/read_archive.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { changeImage } from "../support/change_image.ts";
import { type ImageFiles, readImageFiles } from "../support/memory_sys.ts";
import { randomFrom } from "../support/random_history.ts";

const FIXTURES = new URL("../fixtures/contents/", import.meta.url).pathname;
const CHECKPOINTS = ["v1-criu3", "v2-siblings-criu4", "hybrid-criu4"];

const TIMES = 60;
const COMMANDS = [
  ["plan", "--tcp-established", "--ext-unix-sk", "--shell-job"],
  ["plan", "--manage-cgroups=full", "--on-missing=skip", "--cgroup-root=/changed", "-v4"],
  ["plan", "--json", "--tcp-close", "--pid-namespace", "--root=/", "--skip-file-rwx-check"],
  ["plan", "--placeholders", "--manage-cgroups=strict"],
  ["show", "-v3"],
];
/** A plan, a damaged checkpoint, and one that cannot be restored here. */
const EXPECTED = new Set([0, 3, 4]);

/** The checkpoints to change, by name. */
function readCheckpoints(): [string, ImageFiles][] {
  const names = [...Deno.readDirSync(FIXTURES)].map(({ name }) => name).filter((name) => name.endsWith(".tar.gz"));
  return [
    ...CHECKPOINTS.map((name): [string, ImageFiles] => [name, readImageFiles(name)]),
    ...names.sort().map((name): [string, ImageFiles] => [name.replace(".tar.gz", ""), readFixtureFiles(name)]),
  ];
}

function readFixtureFiles(name: string): ImageFiles {
  const files = readArchive(Deno.readFileSync(FIXTURES + name));
  if (typeof files === "string") throw new Error(`Cannot read ${name}: ${files}`);
  const images = files.filter(({ path }) => /^images\/.*\.img$/.test(path));
  return new Map(images.map((file) => [file.path.slice("images/".length), contentOf(file)]));
}

function contentOf({ size, parts }: ArchivedFile): Uint8Array {
  const content = new Uint8Array(size);
  for (const { position, bytes } of parts) content.set(bytes, position);
  return content;
}

/** What a command says, as it would be a program of its own. */
function runCommand(argv: readonly string[]): { readonly status: number; readonly err: string } {
  let err = "";
  const output = { out: () => {}, err: (text: string) => void (err += text), isTerminal: false, noColor: true };
  const status = run(argv, { openSys: openLinuxSys, calledAs: () => "cgrestore", output });
  return { status, err };
}

Deno.test("an image with something else in a field is planned or refused", async (t) => {
  for (const [name, files] of readCheckpoints()) {
    await t.step(name, () => {
      const directory = Deno.makeTempDirSync({ prefix: "cgr-changed-" });
      try {
        for (const [file, bytes] of files) Deno.writeFileSync(`${directory}/${file}`, bytes);
        const statuses = changeEach(directory, files, randomFrom(files.size));
        assert(statuses.has(3), `of ${TIMES} changed images, none is damaged`);
      } finally {
        Deno.removeSync(directory, { recursive: true });
      }
    });
  }
});

/** Changes an image at a time; the exit statuses that came of it. */
function changeEach(directory: string, files: ImageFiles, random: (below: number) => number): Set<number> {
  const statuses = new Set<number>();
  const all = [...files].filter(([file]) => !file.startsWith("pages-"));
  for (let time = 0; time < TIMES; time++) {
    const [file, bytes] = all[random(all.length)]!;
    const changed = changeImage(bytes, file === "inventory.img" ? 4 : 8, random);
    Deno.writeFileSync(`${directory}/${file}`, changed);
    const command = COMMANDS[random(COMMANDS.length)]!;
    const { status, err } = runCommand([...command, "--images", directory]);
    assert(EXPECTED.has(status), `change ${time}, of ${file}: ${command.join(" ")} ends with ${status}: ${err}`);
    statuses.add(status);
    Deno.writeFileSync(`${directory}/${file}`, bytes);
  }
  return statuses;
}
