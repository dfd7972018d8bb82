/** Checkpoints that were made elsewhere, also for machines without CRIU. */
import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import type { ListedMount } from "../../lib/host/parse_mounts.ts";
import { requires, skip } from "../support/skip.ts";
import { compareTrees } from "./support/describe_tree.ts";
import { type Fixture, lackFor, readFixtures, settingOf } from "./support/fixture.ts";
import type { RestoredFixture } from "./support/restore_fixture.ts";
import { runInNamespaces } from "./support/run_in_namespaces.ts";

/** What no checkpoint has, and is the host's: also the sizes of memory with the kernel's vdso in it. */
const OF_HOST = new RegExp(
  "^\\S+ (cgroup|loginuid|attr|" +
    "status (Cpus_allowed|Mems_allowed|VmSize|VmLib|Seccomp_filters|THP_enabled|untag_mask|x86_Thread_features))$",
);
/** Memory that is the kernel's. */
const OF_KERNEL = /\[(vdso|vvar|vvar_vclock|vsyscall)\]/;
/** What /proc has only since Linux 6.5. */
const NEW_FIELDS = /; eventfd-semaphore: \d/;

/** Where everything may be a hundred times slower, these must do. */
const IN_VM = ["posix_timers", "server", "sessions", "connected_nets", "compat_threads", "compat_clocks"];

for (const fixture of readFixtures()) {
  if (Deno.env.has("CGRESTORE_VM") && !IN_VM.includes(fixture.name)) continue;
  const name = `the fixture of ${fixture.name} is what it was`;
  const lacks = requires(
    name,
    "root",
    "pid-namespaces",
    ...settingOf(fixture.name).isCompat ? ["compat"] as const : [],
  );
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

async function restore({ name }: Fixture): Promise<RestoredFixture> {
  return await runInNamespaces("restore_fixture.ts", name) as RestoredFixture;
}

/** What is different now, and was not when CRIU had restored the fixture where it was made. */
function listDifferences({ before, differsAfterCriu }: Fixture, after: RestoredFixture["after"]): string[] {
  const comparable = (description: Fixture["before"]) => (
    new Map(
      Object.entries(description).map(([key, text]) => [
        key,
        key.endsWith(" mounts") ? withoutHost(text) : text.replace(NEW_FIELDS, ""),
      ]),
    )
  );
  const kinds = new Set(Object.keys(before).map(kindOf));
  const ranges = Object.entries(before).filter(([, text]) => OF_KERNEL.test(text)).map(([key]) => rangeOf(key));
  const isPlaceOfKernel = (key: string) => ranges.some((range) => overlaps(range, rangeOf(key)));
  return [...compareTrees(comparable(before), comparable(after))]
    .filter(([key, difference]) => !OF_HOST.test(key) && !OF_KERNEL.test(difference) && !isPlaceOfKernel(key))
    .filter(([key]) => kinds.has(kindOf(key)) && !differsAfterCriu.includes(key))
    .map(([key, difference]) => `${key}: ${difference}`);
}

/** Mounts, without what file systems are the host's: that of the root, and those whose size is that of its memory. */
function withoutHost(text: string): string {
  const mounts: readonly ListedMount[] = JSON.parse(text);
  const sources = mounts.filter(({ mountPoint, type }) => mountPoint === "/" || type === "devtmpfs")
    .map(({ source }) => source);
  return JSON.stringify(mounts.map(({ type, source, superOptions, ...mount }) => (
    sources.includes(source) ? mount : { ...mount, type, source, superOptions }
  )));
}

/** What a key is about, whatever its numbers: a fixture does not have what descriptions have begun to tell since. */
function kindOf(key: string): string {
  return key.replace(/^\S+ /, "").replace(/ \S*\d\S*$/, "");
}

interface Range {
  readonly pid: string;
  readonly start: number;
  readonly end: number;
}

/** Of a key about memory. */
function rangeOf(key: string): Range | undefined {
  const [, pid, start, end] = /^(\d+) map ([0-9a-f]+)-([0-9a-f]+)$/.exec(key) ?? [];
  return pid === undefined ? undefined : { pid, start: parseInt(start!, 16), end: parseInt(end!, 16) };
}

function overlaps(one: Range | undefined, other: Range | undefined): boolean {
  return one !== undefined && other !== undefined && one.pid === other.pid && one.start < other.end &&
    other.start < one.end;
}
