/** Tests that dump a program with CRIU, restore it with cgrestore, and compare it with what it was. */
import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { type Requirement, requires } from "../../support/skip.ts";
import { reserveHugePages } from "./huge_pages.ts";
import { compileHolder } from "./compile_holder.ts";
import { describeImages } from "./describe_images.ts";
import { compareTrees } from "./describe_tree.ts";
import { LiveTree } from "./live_tree.ts";
import { OwnBridge } from "./own_bridge.ts";
import { OwnNetwork } from "./own_network.ts";
import { OwnProfiles } from "./own_profiles.ts";
import { SharedMounts } from "./shared_mounts.ts";
import { tryCriu } from "./try_criu.ts";

export interface ProgramTest {
  /** A program of `tests/contents/programs`, unless there is a `command`. */
  readonly program: string;
  /** What is shown by it: `"pipes with bytes in them"`. */
  readonly what: string;
  /** The program has 32 bits. */
  readonly isCompat?: boolean;
  /** What is started instead: it keeps to the same files in the directory of the tree (`holder.c`). */
  readonly command?: (tree: LiveTree) => readonly string[];
  /** How often memory is dumped while the program runs, before it is dumped as a whole. */
  readonly preDumps?: number;
  /** Further options of `criu dump`. */
  readonly dump?: readonly string[];
  /** Changes what was dumped, before it is restored by anybody. */
  readonly change?: (images: string, root: number) => void;
  /** Those of the second dump, where they are others: nothing is restored from it. */
  readonly secondDump?: readonly string[];
  /** Further options of both restores. */
  readonly restore?: readonly string[];
  /** Further options that depend on the program's directory. */
  readonly inDirectory?: (
    directory: string,
  ) => { readonly dump?: readonly string[]; readonly restore: readonly string[] };
  /** Further options for cgrestore. */
  readonly cgrestore?: readonly string[];
  /** What cgrestore shall be told of the host: texts of files by path. */
  readonly pretend?: Readonly<Record<string, string>>;
  /** Keys of what may differ from before the dump although CRIU restores it, with why in the test's file. */
  readonly mayDiffer?: RegExp;
  /** The same for what the images of a second dump say. */
  readonly mayDifferInImages?: RegExp;
  /** CRIU itself cannot restore it; with the reason. */
  readonly criuFails?: string;
  /** CRIU restores it, but the program finds something missing; with what. */
  readonly criuLoses?: string;
  /** Profiles of AppArmor, with the rules of each. */
  readonly profiles?: Readonly<Record<string, string>>;
  readonly needs?: readonly Requirement[];
  /** So many huge pages of the default size have to be there. */
  readonly hugePages?: number;
  /** It gets a network of its own, with these settings of the kernel, by their path below /proc/sys/net. */
  readonly network?: Readonly<Record<string, string>>;
  /** Commands that set up that network further. */
  readonly networkSetup?: string;
  /** Devices that its end takes away from that network, some time later. */
  readonly outerDevices?: readonly string[];
  /** A bridge that is made for it on this host. */
  readonly bridge?: string;
  /** It is in a mount namespace in which everything is shared. */
  readonly sharesMounts?: boolean;
}

/** CRIU's dump runs code of its own in each task, and writes it over the task's: so the page is the task's own then. */
const DUMPED_CODE = /^was "(r-xp .*)"\n +is "\1 ac"$/;

/** The page that each task is shown unless its memory began with a program of 32 bits. */
const VSYSCALL = / map ffffffffff600000-/;

/** Dumps a program, restores it with cgrestore and with CRIU, and compares. */
export function testProgram(test: ProgramTest): void {
  const name = `${test.program}: ${test.what}`;
  Deno.test({
    name,
    ...requires(
      name,
      "root",
      "cc",
      "criu",
      ...test.needs ?? [],
      ...test.isCompat ? ["compat", "cc-compat"] as const : [],
      ...test.hugePages === undefined ? [] : ["huge-pages"] as const,
    ),
    async fn(t) {
      const holder = await compileHolder(test);
      using _pages = test.hugePages === undefined ? undefined : reserveHugePages(test.hugePages);
      await using network = test.network === undefined ? undefined : await OwnNetwork.create(test.network);
      await using _profiles = test.profiles === undefined ? undefined : await OwnProfiles.load(test.profiles);
      await network?.setUp(test.networkSetup ?? "true");
      const awaitOuterDevices = async () => await network?.awaitGone(test.outerDevices ?? []);
      await using _bridge = test.bridge === undefined ? undefined : await OwnBridge.create(test.bridge);
      await using mounts = test.sharesMounts === true ? await SharedMounts.create() : undefined;
      await using tree = await LiveTree.create({ home: network ?? mounts });
      await tree.start(commandOf(test, { holder, tree }));
      await tree.ready();
      const tracking = test.preDumps === undefined ? [] : ["--track-mem"];
      for (let count = 0; count < (test.preDumps ?? 0); count++) await tree.preDump(tracking);
      const before = tree.describe();
      const inDirectory = test.inDirectory?.(tree.directory);
      const dumpOptions = [...test.dump ?? [], ...inDirectory?.dump ?? []];
      const images = await tree.dump([...tracking, ...dumpOptions]);
      await awaitOuterDevices();
      test.change?.(images, tree.root);
      // Whatever has failed, the next step finds the pids free.
      const step = (name: string, run: () => Promise<void>) =>
        t.step(name, () => run().finally(() => tree.kill()).finally(awaitOuterDevices));
      const common = [...test.restore ?? [], ...inDirectory?.restore ?? []];
      const options = [...common, ...test.cgrestore ?? []];
      const restore = (options: readonly string[]) => (
        test.pretend === undefined
          ? tree.restore(images, options)
          : tree.restorePretending(images, { host: test.pretend, options })
      );
      const ours = new Map<string, string>();
      await step("cgrestore", async () => {
        const { code, err } = await restore(options);
        assertEqual(err, "");
        assertEqual(code, 0);
        for (const [key, difference] of compareTrees(before, await tree.describeWaiting(before))) {
          ours.set(key, difference);
        }
        assertEqual(await tree.finish(), "ok");
      });
      await step("a second dump says the same", async () => {
        const { code, err } = await restore([...options, "--leave-stopped"]);
        assertEqual(err, "");
        assertEqual(code, 0);
        const differences = compareTrees(
          describeImages(images),
          describeImages(await tree.dump(test.secondDump ?? dumpOptions)),
        );
        const unexpected = [...differences].filter(([key]) => !mayDiffer(test, key, test.mayDifferInImages));
        assertEquals(unexpected.map(([key, difference]) => `${key}: ${difference}`), []);
      });
      await step("not more differences than CRIU", async () => {
        const differences = () => differencesOfCriu(tree, { images, before, test, options: common });
        const reset = () => tree.kill().then(awaitOuterDevices);
        const theirs = test.criuFails === undefined ? await tryCriu(differences, reset) : new Map();
        const more = [...ours].filter(([key, difference]) => (
          !theirs.has(key) && !mayDiffer(test, key, test.mayDiffer) && !DUMPED_CODE.test(difference)
        ));
        assertEquals(more.map(([key, difference]) => `${key}: ${difference}`), []);
      });
    },
  });
}

function mayDiffer({ isCompat = false }: ProgramTest, key: string, keys: RegExp | undefined): boolean {
  return keys?.test(key) === true || isCompat && VSYSCALL.test(key);
}

function commandOf(
  { program, command }: ProgramTest,
  { holder, tree }: { readonly holder: string; readonly tree: LiveTree },
): readonly string[] {
  if (command === undefined) return [holder, "spawn", String(tree.root), program, tree.directory];
  return [holder, "start", String(tree.root), tree.directory, ...command(tree)];
}

async function differencesOfCriu(
  tree: LiveTree,
  { images, before, test, options }: {
    readonly images: string;
    readonly before: ReturnType<LiveTree["describe"]>;
    readonly test: ProgramTest;
    readonly options: readonly string[];
  },
): Promise<Map<string, string>> {
  const { code, err } = await tree.restoreWithCriu(images, options);
  assertEqual(err, "");
  assertEqual(code, 0);
  const theirs = compareTrees(before, await tree.describeWaiting(before));
  const found = await tree.finish();
  if (test.criuLoses === undefined) assertEqual(found, "ok");
  return theirs;
}
