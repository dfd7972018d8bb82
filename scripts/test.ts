/**
 * Everything that can run here, `deno task test`: the steps of `ok.ts`, then the kernel, build, command line and
 * comparison tests and, at the same time, those of VMs with each cgroup layout and with other kernels. What they call as
 * cgrestore is an executable that is built first. Ends with `N passed, N failed, N skipped`.
 *
 * Installs what is missing with apt-get when it may. With `CI=true`, a test that was skipped for a reason that is not
 * `EXPECTED` counts as a failure.
 */
import { compileHolder } from "../tests/contents/support/compile_holder.ts";
import { CRIU_VARIABLE } from "../tests/support/skip.ts";
import { runInVm, VM_MODES, type VmMode } from "../tests/vm/vm_run.ts";
import { setUpVm, VM_KERNELS, type VmKernel } from "../tests/vm/vm_setup.ts";
import { run } from "./debian.ts";
import { installCriu } from "./install_criu.ts";
import { OK_STEPS } from "./ok.ts";
import { type Counts, countTests, runStep } from "./steps.ts";

/** Reasons that are no fault of the machine: the VM modes make up for the layouts this kernel does not have. */
const EXPECTED = [
  // Some day, mirrors will not have them any more.
  "Debian's bullseye cannot be had",
  "Debian's trixie cannot be had",
  "no AppArmor",
  "no denort",
  "no cgroup v1 hierarchy",
  "no cgroup v1 hierarchy with cpu alone",
  "no cgroup v2 hierarchy",
  "no CAP_SYS_RESOURCE",
  "no memory controller in cgroup v2",
  "no programs of 32 bits in this kernel",
  "no sit devices in this kernel",
  "no soft-dirty bits in this kernel",
  "no sysctl vm.memfd_noexec in this kernel",
  "no tun devices in this kernel",
  "not a host with cgroup v1 only",
  "not a host with cgroup v2 only",
  "not in a VM",
  "the fixture needs more of the processor",
];

/** Programs and files the tests use, and Debian's packages of them. */
const PROGRAMS = {
  "qemu-system-x86_64": "qemu-system-x86",
  cc: "gcc",
  cpio: "cpio",
  depmod: "kmod",
  "dpkg-deb": "dpkg",
  ip: "iproute2",
  nft: "nftables",
  "iptables-legacy-save": "iptables",
  mke2fs: "e2fsprogs",
  node: "nodejs",
  python3: "python3",
  // It has the server, too, and starts no service.
  "redis-cli": "redis-tools",
  runc: "runc",
  sqlite3: "sqlite3",
  "/usr/lib/systemd/systemd": "systemd",
  // For programs of 32 bits.
  "/usr/lib32/libc.a": "gcc-multilib",
  tar: "tar",
  unshare: "util-linux",
};
const IS_THERE = 'case $0 in /*) [ -e "$0" ] ;; *) command -v "$0" ;; esac';
const ALWAYS_WITH = ["ca-certificates", "libc6-dev"];
/** Seconds: without KVM, and with other things to do, a slow machine takes more than half an hour. */
const VM_TIMEOUT = 7200;
/** The executable that is tested. */
const TESTED = ".cache/tested/cgrestore";
const BUILD = { name: "build", args: ["run", "-A", "scripts/build.ts", "--output", TESTED] };
/** Milliseconds: each of these tests dumps and restores a tree several times. */
const CONTENTS_PATIENCE = 7_200_000;

const HOST_TESTS = [
  "tests/checkpoints",
  "tests/fake",
  "tests/kernel",
  "tests/build",
  "tests/cli",
  "tests/criu",
  "tests/contents",
];
/** What the layout of cgroups makes a difference to. */
const VM_TESTS = [
  "tests/kernel/interrupt_test.ts",
  "tests/vm",
  "tests/contents/memory_charging_test.ts",
  "tests/contents/socket_cgroups_test.ts",
];
/** What one mode shows for all: another kernel, checkpoints of a newer one, what needs capabilities, and containers. */
const FIRST_VM_TESTS = [
  "tests/kernel/describe_pids_test.ts",
  "tests/kernel/linux_sys_test.ts",
  "tests/kernel/run_program_test.ts",
  "tests/contents/container_network_test.ts",
  "tests/contents/containers_test.ts",
  "tests/contents/crun_failures_test.ts",
  "tests/contents/docker_test.ts",
  "tests/contents/fixtures_test.ts",
  "tests/contents/incremental_test.ts",
  "tests/contents/lxc_test.ts",
  "tests/contents/podman_test.ts",
  "tests/contents/profiles_test.ts",
  "tests/contents/runc_profile_test.ts",
  "tests/contents/sit_devices_test.ts",
  "tests/contents/users_test.ts",
];

/** What another kernel makes a difference to, of which checkpoints of newer ones are most. */
const KERNEL_TESTS = ["tests/kernel/linux_sys_test.ts", "tests/vm", "tests/contents/fixtures_test.ts"];

/** A VM and what is tested in it. */
interface VmPart {
  readonly mode: VmMode;
  readonly kernel: VmKernel;
  readonly tests: readonly string[];
}

const [FIRST_KERNEL] = VM_KERNELS;
const VM_PARTS: readonly VmPart[] = [
  ...VM_MODES.map((mode) => ({
    mode,
    kernel: FIRST_KERNEL,
    tests: mode === VM_MODES[0] ? [...VM_TESTS, ...FIRST_VM_TESTS] : VM_TESTS,
  })),
  // Stable ones: sid's may be of today.
  ...(["bullseye", "trixie"] as const).map((kernel) => ({ mode: VM_MODES[0], kernel, tests: KERNEL_TESTS })),
];

/** A part of the tests that could not begin. */
function skippedPart(name: string, reason: string): Counts {
  console.log(`SKIPPED ${name}: ${reason}`);
  return { passed: 0, failed: 0, skipped: [reason] };
}

/** Installs the missing packages; returns what is still missing, in words, or nothing. */
async function installPrograms(): Promise<string | undefined> {
  const missing = (await Promise.all(
    Object.entries(PROGRAMS).map(async ([program, name]) => {
      const there = await run("sh", ["-c", IS_THERE, program]).then(() => true, () => false);
      return there ? [] : [name];
    }),
  )).flat();
  if (missing.length === 0) return undefined;
  if (Deno.uid() !== 0) return `${missing.join(", ")} missing, and only root can install them`;
  try {
    await run("apt-get", ["update", "-qq"]);
    await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...ALWAYS_WITH, ...missing]);
    return undefined;
  } catch (error) {
    return `${missing.join(", ")} missing, and apt-get cannot install them: ${messageOf(error)}`;
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

/** Where CRIU was installed; nothing when it could not be. */
async function tryCriu(): Promise<Record<string, string>> {
  try {
    return { [CRIU_VARIABLE]: await installCriu() };
  } catch (error) {
    console.log(`No CRIU: ${messageOf(error)}`);
    return {};
  }
}

async function hostParts(criu: Record<string, string>): Promise<Counts[]> {
  const env = { ...criu, CGRESTORE: new URL(`../${TESTED}`, import.meta.url).pathname };
  const counts: Counts[] = [];
  for (const folder of HOST_TESTS) {
    const patience = folder === "tests/contents" ? { patience: CONTENTS_PATIENCE } : {};
    const step = { name: folder, args: ["test", "-A", "--no-check", folder], env, ...patience };
    counts.push(countTests(await runStep(step)));
  }
  return counts;
}

async function vmPart({ mode, kernel, tests }: VmPart): Promise<Counts> {
  // There is no compiler.
  await compileHolder();
  const started = performance.now();
  const name = nameOf({ mode, kernel });
  console.log(`==> VM ${name}`);
  const command = ["deno", "test", "-A", "--no-check", "--cached-only", ...tests];
  const env = { [CRIU_VARIABLE]: "criu", CGRESTORE: `/src/${TESTED}`, NO_COLOR: "1" };
  const options = { kernel, timeout: VM_TIMEOUT, env, prefix: `${name} | ` };
  const { status, output, console: log } = await runInVm(mode, command, options);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`<== VM ${name}: ${status === 0 ? "ok" : "FAILED"} after ${seconds} s\n`);
  if (status === undefined) console.log(`The VM ended early: ${log.slice(-2000)}`);
  return countTests({ success: status === 0, output });
}

/** As the arguments of `vm_run.ts` have it. */
function nameOf({ mode, kernel }: Pick<VmPart, "mode" | "kernel">): string {
  return kernel === FIRST_KERNEL ? mode : `${mode}@${kernel}`;
}

/** Why there is no kernel for a part whose kernel is not the one of all others, or nothing. */
async function lackFor({ kernel }: VmPart): Promise<string | undefined> {
  if (kernel === FIRST_KERNEL) return undefined;
  try {
    await setUpVm(kernel);
    return undefined;
  } catch (error) {
    console.log(messageOf(error));
    return `Debian's ${kernel} cannot be had`;
  }
}

async function vmParts(unavailable: string | undefined): Promise<Counts[]> {
  const counts: Counts[] = [];
  for (const part of VM_PARTS) {
    const name = `VM ${nameOf(part)}`;
    const reason = unavailable ?? await lackFor(part);
    if (reason !== undefined) {
      counts.push(skippedPart(name, reason));
      continue;
    }
    try {
      counts.push(await vmPart(part));
    } catch (error) {
      counts.push(skippedPart(name, messageOf(error)));
    }
  }
  return counts;
}

/** Prints the totals; returns whether the whole is good. */
function judge(counts: readonly Counts[]): boolean {
  const total = (key: "passed" | "failed") => counts.reduce((sum, count) => sum + count[key], 0);
  const skipped = counts.flatMap((count) => count.skipped);
  const unexpected = skipped.filter((reason) => !EXPECTED.includes(reason));
  const reasons = [...new Set(unexpected)].join("; ");
  const inCi = Deno.env.get("CI") === "true";
  if (unexpected.length > 0) console.log(`Skipped, but should run${inCi ? ", which fails in CI" : ""}: ${reasons}`);
  const tail = skipped.length === 0 ? "" : `, ${skipped.length} skipped`;
  console.log(`${total("passed")} passed, ${total("failed")} failed${tail}`);
  return total("failed") === 0 && !(inCi && unexpected.length > 0);
}

if (import.meta.main) {
  const unavailable = await installPrograms();
  if (unavailable !== undefined) console.log(`Not all tests can run: ${unavailable}`);
  await Deno.mkdir(new URL(`../${TESTED}/..`, import.meta.url), { recursive: true });
  const counts: Counts[] = [];
  for (const step of [...OK_STEPS, BUILD]) counts.push(countTests(await runStep(step)));
  const criu = await tryCriu();
  // The VMs take the modules from the cache that has been filled by now.
  const parts = await Promise.all([hostParts(criu), vmParts(unavailable)]);
  Deno.exit(judge([...counts, ...parts.flat()]) ? 0 : 1);
}
