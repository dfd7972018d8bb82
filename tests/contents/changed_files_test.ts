/** Files that are not any more what they were at the dump: that is found while planning, and nothing is touched. */
import { deepEqual as assertEquals, equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { runCgrestore } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";

interface Row {
  readonly name: string;
  readonly change: (directory: string) => void;
  readonly options?: readonly string[];
  /** What is refused; absent: it is restored. */
  readonly refused?: RegExp;
}

const ROWS: readonly Row[] = [
  { name: "nothing has changed", change: () => {} },
  {
    name: "a file is gone",
    change: (directory) => Deno.removeSync(`${directory}/file`),
    refused: /^ {2}task \d+, descriptor 3, "\/tmp\/.*\/file": there is no such file here$/m,
  },
  {
    name: "a file is longer",
    change: (directory) => Deno.writeTextFileSync(`${directory}/file`, "and more", { append: true }),
    refused: /\/file": it has 18 bytes here, and had 10 at the dump$/m,
  },
  {
    name: "a log is longer, which is only written to at its end",
    change: (directory) => Deno.writeTextFileSync(`${directory}/log`, "and more", { append: true }),
  },
  {
    name: "a file has other permissions",
    change: (directory) => Deno.chmodSync(`${directory}/file`, 0o644),
    refused: /its mode is 0100644 here, and was 0100600 at the dump; --skip-file-rwx-check lets permissions differ$/m,
  },
  {
    name: "a file has other permissions, which may be",
    change: (directory) => Deno.chmodSync(`${directory}/file`, 0o644),
    options: ["--skip-file-rwx-check"],
  },
  {
    name: "a file is a directory",
    change: (directory) => {
      Deno.removeSync(`${directory}/file`);
      Deno.mkdirSync(`${directory}/file`, { mode: 0o600 });
    },
    options: ["--skip-file-rwx-check"],
    refused: /\/file": its mode is 0040600 here, and was 0100600 at the dump$/m,
  },
  {
    name: "a program is another one",
    change: spoilBuildId,
    refused: /\/program": its build id is [0-9a-f]{40} here, and was [0-9a-f]{40} at the dump$/m,
  },
  {
    name: "a program is another one, and only sizes matter",
    change: spoilBuildId,
    options: ["--file-validation", "filesize"],
  },
  {
    name: "a FIFO is a file",
    change: (directory) => {
      Deno.removeSync(`${directory}/fifo`);
      Deno.writeTextFileSync(`${directory}/fifo`, "", { mode: 0o600 });
    },
    refused: /\/fifo": its mode is 0100600 here, and was 0010600 at the dump$/m,
  },
  {
    name: "the other link of a file is gone",
    change: (directory) => {
      for (const { name } of Deno.readDirSync(directory)) {
        if (name.startsWith("link_remap.")) Deno.removeSync(`${directory}/${name}`);
      }
    },
    refused: /\/linked", linked as ".*\/link_remap\.\d+": there is no such file here$/m,
  },
  {
    name: "a directory above a file without a name is gone",
    change: (directory) => Deno.removeSync(`${directory}/directory`),
  },
  {
    name: "a directory above a file without a name is a file",
    change: (directory) => {
      Deno.removeSync(`${directory}/directory`);
      Deno.writeTextFileSync(`${directory}/directory`, "");
    },
    refused: /\/directory\/ghost": ".*\/directory" is no directory here$/m,
  },
  {
    name: "the name of a file without a name is taken, even by a link to nowhere",
    change: (directory) => Deno.symlinkSync("nowhere", `${directory}/directory/ghost`),
  },
  {
    name: "both names are taken",
    change: (directory) => {
      Deno.writeTextFileSync(`${directory}/directory/ghost`, "");
      Deno.writeTextFileSync(`${directory}/directory/ghost.cr_link`, "");
    },
    refused: /\/ghost": its name is taken here, and so is ".*\/directory\/ghost\.cr_link": remove that$/m,
  },
];

const NAME = "restore notices that files have changed";

Deno.test({
  name: NAME,
  ...requires(NAME, "root", "cc", "criu"),
  async fn(t) {
    await using tree = await LiveTree.ofProgram("changing_files");
    const images = await tree.dump(["--link-remap"]);
    for (const row of ROWS) await t.step(row.name, () => check(tree, images, row).finally(() => tree.kill()));
  },
});

async function check(tree: LiveTree, images: string, { change, options = [], refused }: Row): Promise<void> {
  await tree.putDirectoryBack();
  change(tree.directory);
  const before = namesIn(tree.directory);
  const { code, err } = await runCgrestore(["restore", "-D", images, "-v1", ...options]);
  if (refused === undefined) assertEqual(err, "");
  else assertMatch(err, refused);
  assertEqual(code, refused === undefined ? 0 : 4);
  const obsolete = refused === undefined ? /\/link_remap\.\d+$/ : /^$/;
  assertEquals(namesIn(tree.directory), before.filter((name) => !obsolete.test(name)));
}

function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    return [path, ...isDirectory ? namesIn(path) : []];
  }).sort();
}

/** Changes a byte of a program's build id, which lies behind the name of its note. */
function spoilBuildId(directory: string): void {
  const path = `${directory}/program`;
  const bytes = Deno.readFileSync(path);
  const NT_GNU_BUILD_ID = 3;
  const note = bytes.findIndex((_, at) => (
    bytes[at] === NT_GNU_BUILD_ID && new TextDecoder().decode(bytes.subarray(at + 4, at + 8)) === "GNU\0"
  ));
  bytes[note + 8] = (bytes[note + 8] ?? 0) ^ 1;
  Deno.writeFileSync(path, bytes);
}
