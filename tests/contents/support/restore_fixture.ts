/**
 * Restores a fixture with cgrestore, in namespaces of its own: `restore_fixture.ts NAME` prints a `RestoredFixture`.
 */
import type { Run } from "../../support/run_cgrestore.ts";
import {
  createFixtureTree,
  FIXTURE_ROOT,
  FIXTURES,
  type FixtureSetting,
  HOLDER,
  holderArchive,
  readFixtures,
  settingOf,
} from "./fixture.ts";
import { runProgram } from "./live_tree.ts";

/** How the restore of a fixture went. */
export interface RestoredFixture extends Run {
  /** What /proc says of the tasks. */
  readonly after: Readonly<Record<string, string>>;
  /** What the program has found: `"ok"`. */
  readonly found: string;
}

async function restoreFixture(name: string): Promise<RestoredFixture> {
  await using tree = await createFixtureTree();
  await unpackHolder(settingOf(name));
  const { code, err } = await runProgram(["tar", "-xpzf", `${FIXTURES}${name}.tar.gz`, "-C", FIXTURE_ROOT]);
  if (code !== 0) throw new Error(`Cannot unpack the fixture: ${err}`);
  await tree.saveDirectory();
  const run = await tree.restore(`${FIXTURE_ROOT}/images`, ["--file-locks", ...settingOf(name).restore]);
  if (run.code !== 0) return { ...run, after: {}, found: "" };
  const before = readFixtures().find((fixture) => fixture.name === name)?.before ?? {};
  const after = await tree.describeWaiting(new Map(Object.entries(before)));
  return { ...run, after: Object.fromEntries(after), found: await tree.finish() };
}

async function unpackHolder(setting: FixtureSetting): Promise<void> {
  const archive = await Deno.open(holderArchive(setting));
  await Deno.writeFile(HOLDER, archive.readable.pipeThrough(new DecompressionStream("gzip")));
  await Deno.chmod(HOLDER, 0o755);
}

console.log(JSON.stringify(await restoreFixture(Deno.args[0] ?? "")));
