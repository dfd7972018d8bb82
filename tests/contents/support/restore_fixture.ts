/**
 * Restores a fixture with cgrestore, in namespaces of its own: `restore_fixture.ts NAME` prints a `RestoredFixture`.
 */
import type { Run } from "../../support/run_cgrestore.ts";
import { createFixtureTree, readFixtures, settingOf, unpackFixture } from "./fixture.ts";

/** How the restore of a fixture went. */
export interface RestoredFixture extends Run {
  /** What /proc says of the tasks. */
  readonly after: Readonly<Record<string, string>>;
  /** What the program has found: `"ok"`. */
  readonly found: string;
}

async function restoreFixture(name: string): Promise<RestoredFixture> {
  await using tree = await createFixtureTree();
  const images = await unpackFixture(name);
  await tree.saveDirectory();
  const run = await tree.restore(images, ["--file-locks", ...settingOf(name).restore]);
  if (run.code !== 0) return { ...run, after: {}, found: "" };
  const before = readFixtures().find((fixture) => fixture.name === name)?.before ?? {};
  const after = await tree.describeWaiting(new Map(Object.entries(before)));
  return { ...run, after: Object.fromEntries(after), found: await tree.finish() };
}

console.log(JSON.stringify(await restoreFixture(Deno.args[0] ?? "")));
