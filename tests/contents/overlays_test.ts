import type { mnt_entry } from "../gen/mnt_pb.ts";
import { editMounts } from "./support/edit_mounts.ts";
import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";

const restore = ["--root", "/"];
const criuFails = "it looks for the directories where it is itself";
/** The upper directory is in a tmpfs, and has a directory. */
const cgrestore = ["--on-missing=skip"];

testProgram({ program: "overlays", what: "overlays of directories that this host has", restore });
testProgram({
  program: "overlays_inside",
  what: "overlays of directories in file systems of the tasks' own",
  criuFails,
  cgrestore,
  restore,
});
testProgram({
  program: "overlays_nested",
  what: "overlays in several mount namespaces, and for a root directory",
  criuFails,
  cgrestore,
  restore,
});
testProgram({
  program: "overlays_listed",
  what: "an overlay whose directories were named one by one",
  criuFails: "it takes what the kernel has escaped for the names",
  cgrestore: ["--restore-sibling"],
  restore,
  // The directories are one option then.
  mayDiffer: / mounts$/,
  mayDifferInImages: /^mount .*\/merged /,
});
testProgram({
  program: "overlays_used",
  what: "files of other kinds on an overlay of several file systems",
  dump: ["--file-locks"],
  restore: [...restore, "--file-locks"],
  criuFails,
});

/** The overlay of `overlays`, and what is made of it. */
const MERGED = /\/(merged|part)$/;
const REFUSED: readonly (readonly [what: string, from: RegExp, to: string, refused: RegExp, status?: number])[] = [
  [
    "whose upper directory was removed",
    /(upperdir=[^,]*)/,
    "$1/absent",
    /mount ".*\/merged" of type overlay: its upper directory ".*\/upper\/absent" is not here/,
  ],
  [
    "with a relative path",
    /lowerdir=\/[^,:]*\//,
    "lowerdir=",
    /mount ".*\/merged" of type overlay: its lower directory "one" is a relative path/,
  ],
  [
    "with an option that the kernel does not know",
    /$/,
    ",shape=round",
    /Cannot make the mount ".*\/merged": EINVAL \(the kernel does not take one of its options/,
    5,
  ],
];
for (const [what, from, to, refused, status = 4] of REFUSED) {
  const edit = editMounts(MERGED, (mount) => mount.options = mount.options.replace(from, to));
  testEdited({ program: "overlays", what: `an overlay ${what} is refused`, edit, refused, status });
}
testEdited({
  program: "overlays",
  what: "an overlay with a list that is too long for fsconfig(2)",
  edit: editMounts(MERGED, lengthen),
});
testEdited({
  program: "overlays_inside",
  what: "directories of an overlay do not lose what they hide without a word",
  edit: () => {},
  refused:
    /mount ".*\/merged" of type overlay: its upper directory is in a tmpfs .*--on-missing=skip goes on without it/,
});

/** With names that lead nowhere else. */
function lengthen(mount: mnt_entry): void {
  mount.options = mount.options.replace(/(lowerdir=[^,:]*)/, `$1${"/.".repeat(100)}`);
}
