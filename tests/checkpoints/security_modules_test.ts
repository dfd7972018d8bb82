/** What the images tell of security modules. */
import assert from "node:assert/strict";
import { ImageError } from "../../lib/errors.ts";
import { type Images } from "../../lib/image/images.ts";
import { readImages } from "../../lib/image/read_images.ts";
import { buildCheckpoint } from "../../lib/model/build_checkpoint.ts";
import type { Contents } from "../../lib/model/contents.ts";
import { describeContents } from "../../lib/report/describe_contents.ts";
import { memorySys, readImageFiles } from "../support/memory_sys.ts";

const ROOT = 5001;

function read(): Images {
  return readImages(memorySys(readImageFiles("v2-criu4")), "/images", { contents: true });
}

function withModule(lsmtype: number): Images {
  const images = read();
  return { ...images, inventory: { ...images.inventory, lsmtype } };
}

Deno.test("the security module of a checkpoint is known", async (t) => {
  const rows = [[0, "none"], [1, "selinux"], [2, "apparmor"]] as const;
  for (const [lsmtype, module] of rows) {
    await t.step(module, () => assert.equal(buildCheckpoint(withModule(lsmtype)).contents?.securityModule, module));
  }
  await t.step("another one is a problem", () => {
    assert.throws(
      () => buildCheckpoint(withModule(3)),
      (error) => {
        assert.ok(error instanceof ImageError);
        assert.deepEqual(error.problems, [{ where: "inventory.img, entry 0", what: "there is no security module 3" }]);
        return true;
      },
    );
  });
});

Deno.test("show names the profile of a task", () => {
  const { contents } = buildCheckpoint(read());
  assert.ok(contents);
  const stateOf = (shown: Contents) => describeContents(shown, ROOT, { all: false }).at(-1);
  assert.equal(stateOf(contents)?.includes("profile"), false);
  const thread = contents.threads.get(ROOT);
  assert.ok(thread?.credentials);
  const confined = { ...thread, credentials: { ...thread.credentials, profile: "web\n" } };
  const shown = stateOf({ ...contents, threads: new Map([...contents.threads, [ROOT, confined]]) });
  assert.match(shown ?? "", /^state: uid 0, gid 0, profile web\\n(,|$)/);
});
