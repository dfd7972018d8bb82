import { relative } from "node:path/posix";
import { equal as assertEqual } from "node:assert/strict";
import type { mnt_entry } from "../gen/mnt_pb.ts";
import { waitUntil } from "../support/kernel_state.ts";
import { cgrestoreCommand } from "../support/run_cgrestore.ts";
import { criuPath, requires } from "../support/skip.ts";
import { exists } from "../support/exists.ts";
import { compileHolder } from "./support/compile_holder.ts";
import { LiveTree, runProgram } from "./support/live_tree.ts";
import { editMounts } from "./support/edit_mounts.ts";
import { only } from "./support/edit_image.ts";
import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";

/** CRIU needs to be told what cgrestore takes for granted. */
const ROOT = ["--root", "/"];

testProgram({ program: "mounts_tmpfs", what: "a tmpfs with files", restore: ROOT });
testProgram({
  program: "mounts_files",
  what: "files of other kinds",
  dump: ["--file-locks"],
  restore: [...ROOT, "--file-locks"],
});
testProgram({ program: "mounts_read_only", what: "files without names where nothing can be made", restore: ROOT });
testProgram({ program: "mounts_cgroups", what: "hierarchies of cgroups", needs: ["v1", "v2"], restore: ROOT });
testProgram({ program: "mounts_single", what: "file systems of which a kernel has only one", restore: ROOT });
testProgram({
  program: "mounts_huge",
  what: "a file system for huge pages",
  dump: ["--enable-fs", "hugetlbfs"],
  restore: [...ROOT, "--enable-fs", "hugetlbfs"],
});
testProgram({
  program: "mounts_own_cgroups",
  what: "cgroups as a cgroup namespace shows them",
  needs: ["v2"],
  restore: ROOT,
});
testProgram({
  program: "mounts_following",
  what: "mounts that receive from those of this host",
  sharesMounts: true,
  dump: ["--external", "mnt[]:m"],
  restore: [...ROOT, "--external", "mnt[]:m"],
});
testProgram({ program: "mounts_parts", what: "mounts that show parts, and cover each other", restore: ROOT });
testProgram({
  program: "mounts_removed",
  what: "mounts of directories that were removed",
  criuFails: "it makes them where the mount is read-only already",
  restore: ROOT,
});
testProgram({
  program: "mounts_removed_files",
  what: "mounts of files that were removed, which are empty then",
  criuFails: "it makes a file anew for each mount of it",
  restore: ROOT,
  cgrestore: ["--on-missing=skip"],
});
testProgram({ program: "mounts_shared", what: "mounts that share with each other", restore: ROOT });
for (
  const [program, what] of [
    ["mounts_root", "a root directory of the tasks' own, with mounts from outside"],
    ["mounts_ring", "events of requests, where there are no images"],
    ["mounts_console", "a console that this host has by another name"],
  ] as const
) {
  testProgram({
    program,
    what,
    inDirectory: (directory) => ({ dump: nameMounts(directory), restore: placeMounts(directory) }),
  });
}

/** Options of a dump, for programs with a root directory of their own. */
function nameMounts(directory: string): string[] {
  return ["--external", `mnt[${directory}]:own`, "--external", "mnt[/data]:data"];
}

/** Options of a restore of what was dumped with those. */
function placeMounts(directory: string): string[] {
  const external = ["--external", `mnt[own]:${directory}`, "--external", `mnt[data]:${directory}/data`];
  return ["--root", `${directory}/root`, ...external];
}

const RELATIVE = "mounts_root: a root directory and mounts, found from the working directory";
Deno.test({
  name: RELATIVE,
  ...requires(RELATIVE, "root", "cc", "criu"),
  async fn() {
    await using tree = await LiveTree.ofProgram("mounts_root");
    const images = await tree.dump(nameMounts(tree.directory));
    const { code, err } = await tree.restore(images, placeMounts(relative(Deno.cwd(), tree.directory)));
    assertEqual(err, "");
    assertEqual(code, 0);
    assertEqual(await tree.finish(), "ok");
  },
});
testProgram({
  program: "mounts_several",
  what: "mounts that the root joins",
  cgrestore: ["--restore-sibling"],
  restore: ROOT,
});

/** The mounts of the tmpfs of `mounts_several`. */
const BOTH = /\/(t|part)$/;
const REFUSED: readonly (readonly [what: string, at: RegExp, edit: (entry: mnt_entry) => void, refused: RegExp])[] = [
  ["of an unknown type", BOTH, (mount) => mount.fstype = 0, /mount ".*": nothing is known of its file system/],
  ["of fuse", BOTH, (mount) => mount.fstype = 15, /mount ".*" of type fuse: .* this type are not made again/],
  [
    "that is external",
    /\/t$/,
    (mount) => mount.extKey = "own",
    /\/t" of type tmpfs: .*--external mnt\[own\]:PATH says by what/,
  ],
  ["that was removed", /\/part$/, (mount) => mount.deleted = true, /\/part" of type tmpfs: what it shows was removed/],
  ["of a plugin", /\/part$/, (mount) => mount.withPlugin = true, /\/part" of type tmpfs: it was made by a plugin/],
  ["of a group outside", /\/part$/, (mount) => mount.masterId = 77, /\/part" of type tmpfs: .* \(it is a slave\)/],
  [
    "on nothing",
    /\/t$/,
    (mount) => mount.mountpoint += "/absent",
    /\/t\/absent" of type tmpfs: its place ".*\/t\/absent" is not here: make it/,
  ],
];
for (const [what, at, edit, refused] of REFUSED) {
  testEdited({ program: "mounts_several", what: `a mount ${what} is refused`, edit: editMounts(at, edit), refused });
}
testEdited({
  program: "mounts_removed_files",
  what: "what was in files that were removed is not lost without a word",
  edit: () => {},
  refused: /mount ".*\/one": the file that it shows was removed, .*--on-missing=skip goes on without it/,
});
testEdited({
  program: "mounts_several",
  what: "a mount that leads back is refused",
  edit: editMounts(/\/t$/, (mount) => mount.mountpoint = "/../t"),
  refused: /mount \d+: the path "\/\.\.\/t" is not absolute, or has steps that lead back/,
  status: 3,
});
testEdited({
  program: "mounts_several",
  what: "an option that the kernel does not know is told",
  edit: editMounts(BOTH, (mount) => mount.options = "shape=round"),
  refused: /Cannot make the mount ".*\/(t|part)" with the option "shape=round"/,
  status: 5,
});
testEdited({
  program: "mounts_several",
  what: "a tmpfs without its files is refused",
  edit: (images) => Deno.removeSync(only(images, /^tmpfs-dev-/)),
  refused: /" of type tmpfs: the images do not have its files/,
});
testEdited({
  program: "mounts_several",
  what: "a damaged archive is told",
  edit: (images) => Deno.writeTextFileSync(only(images, /^tmpfs-dev-/), "damage"),
  refused: /tmpfs-dev-\d+\.tar\.gz\.img: it is not compressed by gzip/,
  status: 3,
});

interface FirstProcess {
  readonly program: string;
  readonly what: string;
  /** Options of unshare(1). */
  readonly unshare: readonly string[];
  /** Further options, by the directory of the program. */
  readonly dump: (directory: string) => readonly string[];
  readonly restore: (directory: string) => readonly string[];
}

/** Programs that are the first process of a pid namespace. */
const FIRST_PROCESSES: readonly FirstProcess[] = [
  { program: "mounts_pids", what: "a proc of a pid namespace", unshare: [], dump: () => [], restore: () => [] },
  {
    program: "container",
    what: "a container, in namespaces of all kinds but that for users",
    unshare: ["--net", "--uts", "--ipc", "--cgroup"],
    dump: (directory) => (
      [`mnt[${directory}]:own`, "mnt[/data]:data"].flatMap((key) => ["--external", key]).concat(
        "--network-lock",
        "skip",
      )
    ),
    restore: (directory) => [
      ...["--root", `${directory}/root`],
      ...["--external", `mnt[own]:${directory}`, "--external", `mnt[data]:${directory}/data`],
    ],
  },
];
for (const { program, what, ...options } of FIRST_PROCESSES) {
  const name = `${program}: ${what}`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu", "pid-namespaces"),
    async fn() {
      const holder = await compileHolder();
      const directory = await Deno.makeTempDir({ prefix: "cgr-pids-" });
      const images = await Deno.makeTempDir({ prefix: "cgr-images-" });
      /** First processes that have to be ended if the test fails. */
      const left: number[] = [];
      try {
        const args = ["--pid", "--fork", ...options.unshare, holder, program, directory];
        const started = new Deno.Command("unshare", { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
        await waitUntil(() => exists(`${directory}/ready`), "the program is not ready");
        const root = Deno.readTextFileSync(`/proc/${started.pid}/task/${started.pid}/children`).trim();
        left.push(Number(root));
        const dump = [criuPath(), "dump", "-t", root, "-D", images, "-o", "dump.log", ...options.dump(directory)];
        assertEqual((await runProgram(dump)).code, 0);
        await started.status;
        left.pop();
        const restore = [...cgrestoreCommand(), "restore", "-D", images, "-d", "-v1", "--pidfile", "pid"];
        const { err, code } = await runProgram([...restore, ...options.restore(directory)]);
        assertEqual(err, "");
        assertEqual(code, 0);
        left.push(Number(Deno.readTextFileSync(`${images}/pid`)));
        await Deno.writeTextFile(`${directory}/go`, "");
        await waitUntil(() => exists(`${directory}/result`), "the program has not finished");
        left.pop();
        assertEqual(Deno.readTextFileSync(`${directory}/result`), "ok\n");
      } finally {
        for (const pid of left) Deno.kill(pid, "SIGKILL");
        await Deno.remove(directory, { recursive: true });
        await Deno.remove(images, { recursive: true });
      }
    },
  });
}
