/**
 * Fixtures: checkpoints of programs of `tests/contents/programs`, with what was true of the tasks. They are made by
 * `scripts/make_fixtures.ts`, and restored also where there is no CRIU.
 */
import { describeComponents } from "../../../lib/host/describe_components.ts";
import { PROTECTION_KEYS } from "../../../lib/plan/contents/memory/protection_keys.ts";
import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";
import { LiveTree, runProgram } from "./live_tree.ts";

/** What is known of a fixture, `NAME.json`; `NAME.tar.gz` has its `images` and the tasks' `files`. */
export interface Fixture {
  /** As of `settingOf`. */
  readonly name: string;
  /** Release of the kernel on which it was dumped. */
  readonly kernel: string;
  /** Components of the processor's state that the threads used, by number (Intel SDM, volume 1, chapter 13). */
  readonly components: readonly number[];
  /** What /proc said of the tasks before the dump. */
  readonly before: Readonly<Record<string, string>>;
  /** Keys of what was different when CRIU had restored them. */
  readonly differsAfterCriu: readonly string[];
}

/** How a fixture is made and restored. */
export interface FixtureSetting {
  readonly program: string;
  /** Whether it has 32 bits. */
  readonly isCompat: boolean;
  /** Options of unshare(1), and what a shell does in the namespaces before it becomes the program. */
  readonly namespaces: readonly string[];
  readonly setup: string;
  /** Further options of CRIU, and of both restores. */
  readonly dump: readonly string[];
  readonly restore: readonly string[];
}

/** Those in namespaces of their own, by name. */
const IN_NAMESPACES: ReadonlyMap<string, Omit<FixtureSetting, "isCompat">> = new Map([
  ["server_in_net", {
    program: "server",
    namespaces: ["--net"],
    setup: "ip link set lo mtu 16384 up && ip addr add 10.9.8.7/24 dev lo && ip -6 addr add fd00::7/64 dev lo && " +
      "ip route add 10.77.0.0/16 dev lo src 10.9.8.7 && echo 20 >/proc/sys/net/unix/max_dgram_qlen",
    dump: ["--network-lock", "skip"],
    restore: [],
  }],
  ["pipes_in_routed_net", {
    program: "pipes",
    namespaces: ["--net"],
    setup: "ip link set lo up && ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up && " +
      "ip addr add 10.3.0.1/24 dev v0 && ip addr add 10.3.0.2/24 dev v1 && ip addr add fd03::1/64 dev v0 nodad && " +
      "ip addr add fd03::2/64 dev v0 nodad && ip route add 10.20.0.0/16 nexthop via 10.3.0.8 weight 3 nexthop via 10.3.0.9 && " +
      "ip route add 10.21.0.0/16 via inet6 fd03::9 dev v0 && ip rule del pref 32767 && ip rule add pref 300 nop && " +
      "ip rule add pref 100 not from 10.1.0.0/16 iif later0 tos 0x10 fwmark 0x10/0xff blackhole && " +
      "ip rule add pref 200 goto 300 && ip rule add from 10.0.0.0/8 ipproto udp dport 7-9 table 7",
    dump: ["--network-lock", "skip"],
    restore: [],
  }],
  ["connected_nets", {
    program: "connected_nets",
    namespaces: [],
    setup: "true",
    dump: ["--network-lock", "skip"],
    restore: [],
  }],
  ["path_files_in_mnt", {
    program: "path_files",
    namespaces: ["--mount", "--propagation", "private"],
    // CRIU does not know all file systems that a machine may have.
    setup: "while read -r _ _ _ _ point _; do case $point in /|/proc|/dev|/tmp|/tmp/cgr-fixture) ;; " +
      "*) umount -l $point ;; esac; done </proc/self/mountinfo",
    dump: ["--external", "mnt[/tmp/cgr-fixture]:fixture"],
    restore: ["--root", "/", "--external", "mnt[fixture]:/tmp/cgr-fixture"],
  }],
]);

/** How names of fixtures of 32 bits begin. */
const COMPAT = "compat_";

/** How the fixture with this name is made: most have the name of their program. */
export function settingOf(name: string): FixtureSetting {
  const isCompat = name.startsWith(COMPAT);
  const program = isCompat ? name.slice(COMPAT.length) : name;
  const setting = IN_NAMESPACES.get(name) ?? { program, namespaces: [], setup: "true", dump: [], restore: [] };
  return { ...setting, isCompat };
}

/** The directory of the fixtures. */
export const FIXTURES = new URL("../../fixtures/contents/", import.meta.url).pathname;

/** The executable that the tasks of all fixtures run that have so many bits, compressed. */
function holderArchive({ isCompat }: Pick<FixtureSetting, "isCompat">): string {
  return `${FIXTURES}${isCompat ? "compat_holder" : "holder"}.gz`;
}

/** Where a fixture is unpacked: its images say so. */
export const FIXTURE_ROOT = "/tmp/cgr-fixture";
export const HOLDER = `${FIXTURE_ROOT}/holder`;
const FILES = `${FIXTURE_ROOT}/files`;

/** Reads what is known of all fixtures. */
export function readFixtures(): Fixture[] {
  const files = [...Deno.readDirSync(FIXTURES)].map(({ name }) => name).filter((name) => name.endsWith(".json"));
  return files.sort().map((file) => ({
    name: file.replace(/\.json$/, ""),
    ...JSON.parse(Deno.readTextFileSync(FIXTURES + file)),
  }));
}

/** Why this machine cannot restore a fixture, if so. */
export function lackFor({ components }: Fixture): string | undefined {
  const sys = openLinuxSys();
  try {
    const has = describeComponents(sys, components);
    // Keys are not needed: what tasks may do without them is no less.
    const isThere = (number: number) => has.has(number) || number === PROTECTION_KEYS;
    return components.every(isThere) ? undefined : "the fixture needs more of the processor";
  } finally {
    sys.release();
  }
}

/** The place of a fixture as a tree, which is ended with it. For who may call `makeFixtureRoot`. */
export async function createFixtureTree(): Promise<LiveTree> {
  await makeFixtureRoot();
  return await LiveTree.create({ pids: { first: 20_000, [Symbol.dispose]() {} }, directory: FILES });
}

/**
 * Makes the place of a fixture. For a process that is alone in a pid namespace and in a mount namespace: only there, the
 * pids and the paths of the images are free.
 */
export async function makeFixtureRoot(): Promise<void> {
  await Deno.mkdir(FIXTURE_ROOT, { recursive: true });
  const sys = openLinuxSys();
  sys.mount("tmpfs", FIXTURE_ROOT, "tmpfs", 0, "");
  sys.release();
  await Deno.mkdir(FILES);
}

/** Unpacks a fixture into its place, with the executable of its tasks; returns the directory of the images. */
export async function unpackFixture(name: string): Promise<string> {
  const archive = await Deno.open(holderArchive(settingOf(name)));
  await Deno.writeFile(HOLDER, archive.readable.pipeThrough(new DecompressionStream("gzip")));
  await Deno.chmod(HOLDER, 0o755);
  const { code, err } = await runProgram(["tar", "-xpzf", `${FIXTURES}${name}.tar.gz`, "-C", FIXTURE_ROOT]);
  if (code !== 0) throw new Error(`Cannot unpack the fixture: ${err}`);
  return `${FIXTURE_ROOT}/images`;
}
