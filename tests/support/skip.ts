import { exists } from "./exists.ts";
/** Tests that need more than every machine has. A test that cannot run says why, in a line that `scripts/test.ts` reads. */

/** What a test can need of the machine. */
export type Requirement =
  | "root"
  | "apparmor"
  | "cc"
  | "cc-compat"
  | "compat"
  | "criu"
  | "iproute2"
  | "denort"
  | "docker"
  | "lxc"
  | "nftables"
  | "node"
  | "podman"
  | "python3"
  | "redis"
  | "crun"
  | "runc"
  | "sqlite3"
  | "systemd"
  | "vm"
  | "v1"
  | "v1-apart"
  | "v1-only"
  | "v2"
  | "v2-memory"
  | "v2-only"
  | "soft-dirty"
  | "user-namespaces"
  | "pid-namespaces"
  | "memfd-noexec"
  | "huge-pages"
  | "sit"
  | "tun"
  | "resources";

/** Spread into the options of `Deno.test`. */
export interface Skip {
  readonly ignore: boolean;
  readonly reason?: string;
}

/** How a line of a skipped test begins; the test's name, a colon and the reason follow. */
export const SKIPPED = "SKIPPED";

/** Where `scripts/test.ts` says that CRIU is. */
export const CRIU_VARIABLE = "CGRESTORE_TEST_CRIU";

/** The program to call as CRIU. */
export function criuPath(): string {
  return Deno.env.get(CRIU_VARIABLE) || "criu";
}

/**
 * Skips the test `name` when there is a `reason`, and says so.
 *
 * @example
 * ```ts
 * const noKernel: string | undefined = undefined;
 * Deno.test({ name: "a test", ...skip("a test", noKernel), fn() {} });
 * ```
 */
export function skip(name: string, reason: string | undefined): Skip {
  if (reason === undefined) return { ignore: false };
  console.log(`${SKIPPED} ${name}: ${reason}`);
  return { ignore: true, reason };
}

/** Skips the test `name` where the machine lacks something the test needs. */
export function requires(name: string, ...requirements: readonly Requirement[]): Skip {
  return skip(name, requirements.map((requirement) => LACKS[requirement]()).find((reason) => reason !== undefined));
}

/** For each requirement, why this machine does not have it, or undefined when it does. */
const LACKS: Record<Requirement, () => string | undefined> = {
  apparmor: () => {
    if (exists("/sys/kernel/security/apparmor") && runs("apparmor_parser", ["--version"])) return undefined;
    // There it has to be: another reason, which nobody expects.
    return Deno.env.get("CGRESTORE_VM") ? "no AppArmor in the VM" : "no AppArmor";
  },
  root: () => (Deno.uid() === 0 ? undefined : "not root"),
  cc: () => (runs("cc", ["--version"]) || hasPrograms() ? undefined : "no C compiler"),
  "cc-compat": () => {
    const found = runs("sh", ["-c", "case $(cc -m32 -print-file-name=libc.a) in /*) ;; *) exit 1 ;; esac"]);
    return found ? undefined : "no C compiler and library for 32 bits";
  },
  compat: () => (runsCompat() ? undefined : "no programs of 32 bits in this kernel"),
  criu: () => (runs(criuPath(), ["--version"]) ? undefined : "no criu"),
  iproute2: () => (runs("ip", ["-V"]) ? undefined : "no ip"),
  denort: () => (Deno.env.get("DENORT_BIN") ? undefined : "no denort"),
  docker: () => (runs("dockerd", ["--version"]) ? undefined : "no docker"),
  lxc: () => (runs("lxc-start", ["--version"]) ? undefined : "no lxc"),
  nftables: () => (
    runs("nft", ["--version"]) && runs("iptables-legacy-save", ["--version"]) ? undefined : "no nft or iptables"
  ),
  node: () => (runs("node", ["--version"]) ? undefined : "no node"),
  podman: () => (runs("podman", ["--version"]) ? undefined : "no podman"),
  python3: () => (runs("python3", ["--version"]) ? undefined : "no python3"),
  redis: () => (runs("redis-cli", ["--version"]) ? undefined : "no redis"),
  crun: () => (runs("crun", ["--version"]) ? undefined : "no crun"),
  runc: () => (runs("runc", ["--version"]) ? undefined : "no runc"),
  sqlite3: () => (runs("sqlite3", ["--version"]) ? undefined : "no sqlite3"),
  systemd: () => (exists("/usr/lib/systemd/systemd") ? undefined : "no systemd"),
  vm: () => (Deno.env.get("CGRESTORE_VM") ? undefined : "not in a VM"),
  resources: () => (hasCapability(CAP_SYS_RESOURCE) ? undefined : "no CAP_SYS_RESOURCE"),
  v1: () => (mounted("cgroup") ? undefined : "no cgroup v1 hierarchy"),
  "v1-apart": () => (hasHierarchy("cpu") ? undefined : "no cgroup v1 hierarchy with cpu alone"),
  v2: () => (mounted("cgroup2") ? undefined : "no cgroup v2 hierarchy"),
  "pid-namespaces": () => (
    runs("unshare", ["-p", "-f", "-m", "--mount-proc", "true"]) ? undefined : "no pid namespaces"
  ),
  "memfd-noexec": () => (exists("/proc/sys/vm/memfd_noexec") ? undefined : "no sysctl vm.memfd_noexec in this kernel"),
  "v2-memory": () => (hasUnified("memory") ? undefined : "no memory controller in cgroup v2"),
  "v1-only": () => (mounted("cgroup2") || !mounted("cgroup") ? "not a host with cgroup v1 only" : undefined),
  "v2-only": () => (mounted("cgroup") || !mounted("cgroup2") ? "not a host with cgroup v2 only" : undefined),
  "soft-dirty": () => (
    runs(criuPath(), ["check", "--feature", "mem_dirty_track"]) ? undefined : "no soft-dirty bits in this kernel"
  ),
  "huge-pages": () => (exists("/proc/sys/vm/nr_hugepages") ? undefined : "no huge pages in this kernel"),
  sit: () => (
    // Busybox has an ip of its own.
    runs("unshare", ["-n", "/usr/bin/ip", "link", "add", "cgrsit", "type", "sit", "local", "127.0.0.1"])
      ? undefined
      : "no sit devices in this kernel"
  ),
  tun: () => (exists("/dev/net/tun") ? undefined : "no tun devices in this kernel"),
  "user-namespaces": () => (runs("unshare", ["-U", "true"]) ? undefined : "no user namespaces"),
};

/** Whether the C programs of `tests/contents` have been compiled, as they are where a VM gets them. */
function hasPrograms(): boolean {
  try {
    return [...Deno.readDirSync(new URL("../../.cache", import.meta.url))].some(({ name }) =>
      name.startsWith("holder-")
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function runs(command: string, args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    // The program is not there.
    return false;
  }
}

/**
 * A program of 32 bits: the header of the file, one of a segment, which has all of it (elf(5)), and the instructions
 * `mov eax, 1; xor ebx, ebx; int 0x80`, which is exit(0).
 */
const COMPAT_PROGRAM = [
  "7f454c46010101000000000000000000020003000100000054800408340000000000000000000000340020000100000000000000",
  "010000000000000000800408008004085d0000005d0000000500000000100000",
  "b80100000031dbcd80",
].join("");

/** A kernel that was made for them, with a sysctl of theirs, may still run none. */
function runsCompat(): boolean {
  const directory = Deno.makeTempDirSync({ prefix: "cgr-compat-" });
  try {
    Deno.writeFileSync(`${directory}/program`, Uint8Array.fromHex(COMPAT_PROGRAM), { mode: 0o700 });
    return runs(`${directory}/program`, []);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const CAP_SYS_RESOURCE = 24;

function hasCapability(number: number): boolean {
  const mask = /^CapEff:\s*(\S+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1] ?? "0";
  return (BigInt(`0x${mask}`) >> BigInt(number) & 1n) === 1n;
}

function hasHierarchy(name: string): boolean {
  return Deno.readTextFileSync("/proc/self/cgroup").split("\n").some((line) => line.split(":")[1] === name);
}

/** Whether the root of cgroup v2 gives a controller to its children. */
function hasUnified(controller: string): boolean {
  const mount = Deno.readTextFileSync("/proc/self/mounts").split("\n").map((line) => line.split(" "))
    .find(([, , type]) => type === "cgroup2")?.[1];
  if (mount === undefined) return false;
  return Deno.readTextFileSync(`${mount}/cgroup.subtree_control`).trim().split(" ").includes(controller);
}

function mounted(type: string): boolean {
  return Deno.readTextFileSync("/proc/self/mounts").split("\n").some((line) => line.split(" ")[2] === type);
}
