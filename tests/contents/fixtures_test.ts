/** Checkpoints that were made elsewhere, also for machines without CRIU. */
import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { requires, skip } from "../support/skip.ts";
import { compareTrees } from "./support/describe_tree.ts";
import { type Fixture, lackFor, readFixtures } from "./support/fixture.ts";
import type { RestoredFixture } from "./support/restore_fixture.ts";
import { runInNamespaces } from "./support/run_in_namespaces.ts";

/** What no checkpoint has, and is the host's: also the sizes of memory with the kernel's vdso in it. */
const OF_HOST = new RegExp(
  "^\\S+ (cgroup|loginuid|attr|" +
    "status (Cpus_allowed|Mems_allowed|VmSize|VmLib|Seccomp_filters|THP_enabled|untag_mask|x86_Thread_features))$",
);
const OF_KERNEL = /\[(vdso|vvar|vvar_vclock|vsyscall)\]/;

for (const fixture of readFixtures()) {
  const name = `the fixture of ${fixture.program} is what it was`;
  const lacks = requires(name, "root", "pid-namespaces");
  Deno.test({
    name,
    ...lacks.ignore ? lacks : skip(name, lackFor(fixture)),
    async fn() {
      const { code, err, after, found } = await restore(fixture);
      assertEqual(err, "");
      assertEqual(code, 0);
      assertEqual(found, "ok");
      assertEquals(listDifferences(fixture, after), []);
    },
  });
}

async function restore({ program }: Fixture): Promise<RestoredFixture> {
  return await runInNamespaces("restore_fixture.ts", program) as RestoredFixture;
}

/** What is different now, and was not when CRIU had restored the fixture where it was made. */
function listDifferences({ before, differsAfterCriu }: Fixture, after: RestoredFixture["after"]): string[] {
  const differences = compareTrees(new Map(Object.entries(before)), new Map(Object.entries(after)));
  return [...differences]
    .filter(([key, difference]) => !OF_HOST.test(key) && !OF_KERNEL.test(difference))
    .filter(([key]) => !differsAfterCriu.includes(key))
    .map(([key, difference]) => `${key}: ${difference}`);
}
