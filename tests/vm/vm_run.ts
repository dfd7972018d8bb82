/**
 * Runs a command as root in a throw-away VM whose kernel has its cgroups laid out in one of three ways:
 * `deno run -A tests/vm/vm_run.ts v2|v1|hybrid[@KERNEL] COMMAND [ARGUMENT…]`. The command starts in a copy of the
 * project, with the modules that are cached on this machine; its output is streamed, its exit status returned. KERNEL is
 * the suite of Debian's that the kernel is of, one of `VM_KERNELS`.
 *
 * - `v2`: every controller enabled at the root, `nsdelegate,memory_recursiveprot`, as systemd does
 * - `v1`: every controller, `cpu,cpuacct` and `net_cls,net_prio` mounted together, and `name=systemd`
 * - `hybrid`: as `v1`, and an empty cgroup2 hierarchy at `unified`
 */
import { run } from "../../scripts/debian.ts";
import { packTree, setUpVm, VM_KERNELS, type VmFiles, type VmKernel } from "./vm_setup.ts";

/** The layouts of cgroups a VM can have. */
export const VM_MODES = ["v2", "v1", "hybrid"] as const;
export type VmMode = typeof VM_MODES[number];

export interface VmOptions {
  /** Default: the first of `VM_KERNELS`. */
  readonly kernel?: VmKernel;
  /** Seconds until the VM is stopped and the run counts as failed. */
  readonly timeout?: number;
  /** Set for the command. */
  readonly env?: Record<string, string>;
  /** Put before every line of the output where it is streamed, to tell it from that of others. */
  readonly prefix?: string;
}

export interface VmResult {
  /** The command's exit status; undefined when the VM ended without one. */
  readonly status: number | undefined;
  /** What the command printed, both streams. */
  readonly output: string;
  /** What the kernel printed; says why a VM ended early. */
  readonly console: string;
}

const MEMORY_MB = 1536;
/** Milliseconds until a VM has to have its root disk: it may hang, with some kinds of KVM always. */
const BOOT_PATIENCE = 120_000;
const BOOTED = "vm: root disk mounted";
const DEFAULT_TIMEOUT = 300;
const KVM = "kvm";
/** Where one VM has not booted with it, the next ones are spared the wait. */
let kvmWorks = true;
const project = new URL("../../", import.meta.url).pathname;

/** Boots a VM for one command. One that dies or hangs before its root disk is mounted is tried again, without KVM. */
export async function runInVm(mode: VmMode, command: readonly string[], options: VmOptions = {}): Promise<VmResult> {
  const files = await setUpVm(options.kernel);
  const work = await Deno.makeTempDir({ prefix: "cgrestore-vm-" });
  try {
    await packJob(files, { mode, work, command, env: options.env ?? {} });
    const choices = accelerators();
    for (const [attempt, accelerator] of choices.entries()) {
      const { timeout = DEFAULT_TIMEOUT, prefix = "" } = options;
      const result = await boot(files, { work, accelerator, timeout, prefix });
      const booted = result.status !== undefined || result.console.includes(BOOTED);
      if (booted || attempt === choices.length - 1) return result;
      if (accelerator === KVM) kvmWorks = false;
    }
    throw new Error("Cannot start a VM: no accelerator to try");
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

interface Job {
  readonly mode: VmMode;
  readonly work: string;
  readonly command: readonly string[];
  readonly env: Record<string, string>;
}

/** Makes the second disk, an archive of the project, and the initramfs with the current `vm_init`. */
async function packJob(files: VmFiles, { mode, work, command, env }: Job): Promise<void> {
  const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  const line = command.map(quote).join(" ");
  await Deno.mkdir(`${work}/job`);
  await Deno.writeTextFile(`${work}/job/.vm_command`, `${exports.join("")}${line}\necho $? >/run/status\n`);
  const archive = ["-cf", `${work}/job.tar`, "--exclude=./.git", "--exclude=./.cache", "--exclude=./cgrestore"];
  await run("tar", [...archive, "-C", project, ".", "-C", `${work}/job`, ".vm_command"]);
  // What has been made here, programs of tests and cgrestore itself; an archive of nothing where nothing has.
  await run("sh", [
    "-c",
    `cd "$0" && find .cache/holder-* .cache/tested -type f -print0 2>/dev/null | tar -rf "$1" --null -T -`,
    project,
    `${work}/job.tar`,
  ]);
  const cached = [
    "-rf",
    `${work}/job.tar`,
    "-C",
    await denoDirectory(),
    "--transform=s,^\\.,.vm_deno,",
    "--exclude=./dl",
  ];
  await run("tar", [...cached, "--exclude=./gen", "--exclude=./*_cache_v2*", "."]);

  await Deno.mkdir(`${work}/init`);
  const script = await Deno.readTextFile(new URL("vm_init", import.meta.url));
  await Deno.writeTextFile(`${work}/init/init`, script.replace("\nexport PATH", `\nMODE=${mode}\nexport PATH`));
  await Deno.chmod(`${work}/init/init`, 0o755);
  await packTree(`${work}/init`, `${work}/init.cpio`);
  await run("sh", ["-c", `cat "$0" "$1" >"$2"`, files.initramfs, `${work}/init.cpio`, `${work}/initramfs`]);
}

async function denoDirectory(): Promise<string> {
  const { denoDir } = JSON.parse(await run(Deno.execPath(), ["info", "--json"]));
  return denoDir;
}

interface Boot {
  readonly work: string;
  readonly accelerator: string;
  /** Seconds. */
  readonly timeout: number;
  readonly prefix: string;
}

async function boot(files: VmFiles, { work, accelerator, timeout, prefix }: Boot): Promise<VmResult> {
  const disk = (id: string, file: string) => [
    ...["-drive", `file=${file},format=raw,if=none,id=${id},snapshot=on,cache=unsafe`],
    ...["-device", `virtio-blk-pci,drive=${id}`],
  ];
  const port = (name: string, backend: string) => [
    ...["-chardev", `${backend},id=${name}`],
    ...["-device", `virtserialport,chardev=${name},name=${name}`],
  ];
  const stuck = new AbortController();
  // Tests that run on the host meanwhile have limits of time; those in the VM have long ones.
  const qemu = new Deno.Command("nice", {
    args: [
      ...["-n", "5", "qemu-system-x86_64"],
      ...["-M", "q35", "-cpu", "max", "-smp", "2", "-m", String(MEMORY_MB), "-accel", accelerator],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
      ...["-kernel", files.kernel, "-initrd", `${work}/initramfs`],
      ...["-append", "console=ttyS0 quiet panic=-1 reboot=t no_timer_check"],
      ...["-chardev", `file,id=console,path=${work}/console`, "-serial", "chardev:console"],
      ...[...disk("root", files.rootDisk), ...disk("job", `${work}/job.tar`), "-device", "virtio-serial-pci"],
      ...[...port("output", "file,path=/dev/stdout"), ...port("status", `file,path=${work}/status`)],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.any([AbortSignal.timeout(timeout * 1000), stuck.signal]),
  }).spawn();
  const read = (name: string) => Deno.readTextFile(`${work}/${name}`).catch(() => "");
  const watch = setTimeout(async () => {
    if (!(await read("console")).includes(BOOTED)) stuck.abort();
  }, BOOT_PATIENCE);
  const [output, complaints] = await Promise.all([collect(qemu.stdout, prefix), new Response(qemu.stderr).text()]);
  await qemu.status;
  clearTimeout(watch);
  const status = Number.parseInt(await read("status"));
  return { status: Number.isNaN(status) ? undefined : status, output, console: complaints + await read("console") };
}

/**
 * What to try in turn. KVM can be there and still fail (a VM within a VM); software emulation, under load, can lose the
 * race with the kernel's own timers while booting, so it gets further tries.
 */
function accelerators(): string[] {
  const given = Deno.env.get("CGRESTORE_VM_ACCEL");
  return given ? [given, given] : [...kvmWorks ? [KVM] : [], ...Array<string>(3).fill("tcg,thread=multi")];
}

/** Copies a stream to our own output line by line while it comes, and returns it as text. */
async function collect(stream: ReadableStream<Uint8Array>, prefix: string): Promise<string> {
  let text = "";
  let shown = 0;
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    const end = text.lastIndexOf("\n") + 1;
    if (end > shown) console.log(text.slice(shown, end - 1).replaceAll(/^/gm, prefix));
    shown = Math.max(shown, end);
  }
  if (shown < text.length) console.log(prefix + text.slice(shown));
  return text;
}

if (import.meta.main) {
  const [wanted = "", ...command] = Deno.args;
  const [layout, suite = VM_KERNELS[0]] = wanted.split("@");
  const mode = VM_MODES.find((name) => name === layout);
  const kernel = VM_KERNELS.find((name) => name === suite);
  if (mode === undefined || kernel === undefined || command.length === 0) {
    const kernels = VM_KERNELS.join("|");
    console.error(`Cannot start a VM: the arguments are ${VM_MODES.join("|")}[@${kernels}] COMMAND [ARGUMENT…]`);
    Deno.exit(2);
  }
  const { status, console: log } = await runInVm(mode, command, { kernel });
  if (status === undefined) console.error(`Cannot run the command: the VM ended early\n${log.slice(-2000)}`);
  Deno.exit(status ?? 125);
}
