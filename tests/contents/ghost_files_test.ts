import { equal as assertEqual } from "node:assert/strict";
import { basename, dirname } from "node:path/posix";
import { requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";
import { testProgram } from "./support/test_program.ts";

testProgram({ program: "ghost_file", what: "a file without a name, opened several times, with attributes" });
testProgram({ program: "ghost_links", what: "hard links that have all gone" });
testProgram({
  program: "ghost_replaced",
  what: "a file whose name another one has got",
  // It gets another name, as with CRIU.
  mayDifferInImages: / fd 3$/,
});
testProgram({ program: "ghost_holes", what: "holes" });
testProgram({
  program: "ghost_directories",
  what: "directories that are gone",
  criuFails: "it does not remove directories that were in others before these",
});
testProgram({ program: "ghost_nodes", what: "a device and a symbolic link without a name" });
testProgram({ program: "ghost_mapped", what: "files without a name that are mapped" });
testProgram({
  program: "ghost_program",
  what: "a program that is gone",
  dump: ["--ghost-limit", "100M"],
});
testProgram({
  program: "unnamed_file",
  what: "O_TMPFILE",
  // The kernel chooses a number for a name.
  mayDiffer: / fd [345]$/,
  mayDifferInImages: / fd [345]$/,
  criuLoses: "they can be given a name: it restores them as files that had one",
});
testProgram({ program: "linked_file", what: "files that have lost one of their names", dump: ["--link-remap"] });
testProgram({
  program: "lost_names",
  what: "all kinds of lost names together",
  dump: ["--link-remap"],
  // The kernel chooses a number for the name of an O_TMPFILE.
  mayDiffer: / fd 8$/,
  mayDifferInImages: / fd 8$/,
  criuFails: "it does not remove directories that were in others before these",
});
testProgram({ program: "dead_directory", what: "a working directory in /proc of a task that has ended" });
testProgram({ program: "dead_task", what: "files in /proc of a task that has ended" });

const RELATIVE = "dead_directory: its pages are found by a relative name";
Deno.test({
  name: RELATIVE,
  ...requires(RELATIVE, "root", "cc", "criu"),
  async fn() {
    await using tree = await LiveTree.ofProgram("dead_directory");
    const images = await tree.dump();
    const { err } = await tree.restoreThrough(["env", `--chdir=${dirname(images)}`], basename(images));
    assertEqual(err, "");
    assertEqual(await tree.finish(), "ok");
  },
});
