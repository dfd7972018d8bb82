/** Tests with images that are edited after the dump: they say what no program on this machine can be made to hold. */
import { deepEqual as assertEquals, equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { type Requirement, requires } from "../../support/skip.ts";
import { taskExists } from "../../support/kernel_state.ts";
import { describeImages } from "./describe_images.ts";
import { compareTrees } from "./describe_tree.ts";
import { LiveTree } from "./live_tree.ts";

export interface EditedTest {
  /** A program of `tests/contents/programs`. */
  readonly program: string;
  /** What is shown by it. */
  readonly what: string;
  /** Changes the images in a directory, of a program whose root task is `root`. */
  readonly edit: (images: string, root: number) => void;
  /** What cgrestore says when it refuses; absent when it shall restore what the images say, so that they say it again. */
  readonly refused?: RegExp;
  /** Keys of what the images of a second dump may say otherwise, with why in the test's file. */
  readonly mayDiffer?: RegExp;
  /** The status of a refusal; default: that of one while planning. */
  readonly status?: number;
  /** Further options of `criu dump`. */
  readonly dump?: readonly string[];
  readonly restore?: readonly string[];
  readonly needs?: readonly Requirement[];
}

/** Status of a restore that was refused while it was planned. */
const REFUSED = 4;

/** Dumps a program, changes the images, and restores them, or shows that they are refused. */
export function testEdited(test: EditedTest): void {
  const name = `${test.program}, edited: ${test.what}`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu", ...test.needs ?? []),
    async fn() {
      await using tree = await LiveTree.ofProgram(test.program);
      const images = await tree.dump(test.dump);
      test.edit(images, tree.root);
      const options = test.refused === undefined ? ["--leave-stopped"] : [];
      const { code, err } = await tree.restore(images, [...options, ...test.restore ?? []]);
      if (test.refused === undefined) {
        assertEqual(err, "");
        const differences = compareTrees(describeImages(images), describeImages(await tree.dump(test.dump)));
        const unexpected = [...differences].filter(([key]) => !test.mayDiffer?.test(key));
        assertEquals(unexpected.map(([key, difference]) => `${key}: ${difference}`), []);
        return;
      }
      assertMatch(err, test.refused);
      assertEqual(code, test.status ?? REFUSED);
      assertEqual(taskExists(tree.root), false);
    },
  });
}
