/**
 * Fixtures: checkpoints of programs of `tests/contents/programs`, with what was true of the tasks. They are made by
 * `scripts/make_fixtures.ts`, and restored also where there is no CRIU.
 */
import { describeComponents } from "../../../lib/host/describe_components.ts";
import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";
import { LiveTree } from "./live_tree.ts";

/** What is known of a fixture, `PROGRAM.json`; `PROGRAM.tar.gz` has its `images` and the tasks' `files`. */
export interface Fixture {
  readonly program: string;
  /** Release of the kernel on which it was dumped. */
  readonly kernel: string;
  /** Components of the processor's state that the threads used, by number (Intel SDM, volume 1, chapter 13). */
  readonly components: readonly number[];
  /** What /proc said of the tasks before the dump. */
  readonly before: Readonly<Record<string, string>>;
  /** Keys of what was different when CRIU had restored them. */
  readonly differsAfterCriu: readonly string[];
}

/** The directory of the fixtures. */
export const FIXTURES = new URL("../../fixtures/contents/", import.meta.url).pathname;

/** The executable that the tasks of all fixtures run, compressed. */
export const HOLDER_ARCHIVE = `${FIXTURES}holder.gz`;

/** Where a fixture is unpacked: its images say so. */
export const FIXTURE_ROOT = "/tmp/cgr-fixture";
export const HOLDER = `${FIXTURE_ROOT}/holder`;
const FILES = `${FIXTURE_ROOT}/files`;

/** Reads what is known of all fixtures. */
export function readFixtures(): Fixture[] {
  const names = [...Deno.readDirSync(FIXTURES)].map(({ name }) => name).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => JSON.parse(Deno.readTextFileSync(FIXTURES + name)));
}

/** Why this machine cannot restore a fixture, if so. */
export function lackFor({ components }: Fixture): string | undefined {
  const sys = openLinuxSys();
  try {
    const has = describeComponents(sys, components);
    return components.every((number) => has.has(number)) ? undefined : "the fixture needs more of the processor";
  } finally {
    sys.release();
  }
}

/**
 * A place for the tree of a fixture. For a process that is alone in a pid namespace and in a mount namespace: only
 * there, the pids and the paths of the images are free.
 */
export async function createFixtureTree(): Promise<LiveTree> {
  await Deno.mkdir(FIXTURE_ROOT, { recursive: true });
  const sys = openLinuxSys();
  sys.mount("tmpfs", FIXTURE_ROOT, "tmpfs", 0, "");
  sys.release();
  await Deno.mkdir(FILES);
  return await LiveTree.create({ pids: { first: 20_000, [Symbol.dispose]() {} }, directory: FILES });
}
