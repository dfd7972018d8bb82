/**
 * Makes what the test VM boots: a kernel of Debian's with a small initramfs, and a root disk with busybox, Deno, Debian
 * sid's CRIU and what runs containers. `deno run -A tests/vm/vm_setup.ts` makes what is missing. Host needs: apt-get,
 * dpkg-deb, cpio, kmod, xz, e2fsprogs.
 */
import { dependencies, run, type Suite, unpack, withSuite } from "../../scripts/debian.ts";
import { CRIU_DIRECTORY, installCriu } from "../../scripts/install_criu.ts";

/**
 * The kernels a VM can have, by the suite they are of: Debian 11's (5.10), Debian 12's (6.1, the last of Debian's with
 * every v1 controller), Debian 13's (6.12) and the newest.
 */
export const VM_KERNELS = ["bookworm", "bullseye", "trixie", "sid"] as const satisfies Suite["name"][];
export type VmKernel = typeof VM_KERNELS[number];

/** Files of a VM that is ready to boot. */
export interface VmFiles {
  readonly kernel: string;
  readonly initramfs: string;
  readonly rootDisk: string;
}

const FREE_SPACE_MB = 512;
/** The VM's own devices, what CRIU's start-up probes ask for, and what the kernel loads by itself for containers. */
const MODULES = [
  ...["virtio_pci", "virtio_blk", "virtio_console", "ext4", "tun", "unix_diag", "inet_diag", "tcp_diag", "udp_diag"],
  ...["raw_diag", "af_packet_diag", "netlink_diag", "veth", "nf_tables", "nft_compat", "nf_conntrack"],
  ...["nf_conntrack_netlink", "ip_tables", "ip6_tables", "iptable_filter", "ip6table_filter", "xt_mark", "macvlan"],
  ...["bridge", "overlay", "nft_chain_nat", "xt_MASQUERADE", "xt_addrtype", "xt_comment", "xt_conntrack", "xt_nat"],
  ...["xt_tcpudp", "sit"],
];

/** Directory of everything the VM needs; `CGRESTORE_VM_CACHE` moves it. */
export function vmCache(): string {
  return Deno.env.get("CGRESTORE_VM_CACHE") || new URL("../../.cache/vm", import.meta.url).pathname;
}

/** Makes what is missing; what an older version of this script or of Deno made is removed. */
export async function setUpVm(kernel: VmKernel = VM_KERNELS[0]): Promise<VmFiles> {
  const directory = `${vmCache()}/${await key()}`;
  await Deno.mkdir(directory, { recursive: true });
  for await (const { name } of Deno.readDir(vmCache())) {
    if (name.startsWith("deno-") && !directory.endsWith(name)) {
      await Deno.remove(`${vmCache()}/${name}`, { recursive: true });
    }
  }
  const files = {
    kernel: `${directory}/vmlinuz-${kernel}`,
    initramfs: `${directory}/initramfs-${kernel}.cpio`,
    rootDisk: `${directory}/root.ext4`,
  };
  const busybox = `${directory}/busybox`;
  if (!await exists(busybox)) await fetchBusybox(busybox);
  if (!await exists(files.initramfs)) await makeKernel(kernel, files, busybox);
  if (!await exists(files.rootDisk)) await makeRootDisk(files.rootDisk, busybox);
  return files;
}

async function key(): Promise<string> {
  const script = await Deno.readFile(new URL(import.meta.url));
  const digest = await crypto.subtle.digest("SHA-256", script);
  return `deno-${Deno.version.deno}-${new Uint8Array(digest).toHex().slice(0, 8)}`;
}

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}

async function fetchBusybox(busybox: string): Promise<void> {
  await withSuite("bookworm", async (suite) => {
    await unpack(suite, ["busybox-static"], `${suite.state}/busybox`, false);
    await Deno.copyFile(`${suite.state}/busybox/bin/busybox`, busybox);
  });
}

async function makeKernel(kernel: VmKernel, files: VmFiles, busybox: string): Promise<void> {
  await withSuite(kernel, async (suite) => {
    const packages = await kernelPackages(suite);
    const release = packages[0].replace("linux-image-", "");
    const unpacked = `${suite.state}/image`;
    const tree = `${suite.state}/initramfs`;
    await unpack(suite, packages, unpacked, false);
    // Where depmod and modprobe look for modules.
    if (!await exists(`${unpacked}/lib`)) await Deno.symlink("usr/lib", `${unpacked}/lib`);
    const inBoot = `${unpacked}/boot/vmlinuz-${release}`;
    const beside = `${unpacked}/lib/modules/${release}/vmlinuz`;
    await Deno.copyFile(await exists(inBoot) ? inBoot : beside, files.kernel);
    await copyModules(unpacked, release, tree);
    await Deno.mkdir(`${tree}/bin`);
    await Deno.copyFile(busybox, `${tree}/bin/busybox`);
    await packTree(tree, files.initramfs);
  });
}

/** The package of the suite's kernel, and those that it is divided into in newer ones. */
async function kernelPackages(suite: Suite): Promise<[string, ...string[]]> {
  const image = (await dependencies(suite, "linux-image-cloud-amd64")).find((name) => name.startsWith("linux-image-"));
  if (image === undefined) throw new Error(`Cannot find the kernel of ${suite.name}`);
  const parts = (await dependencies(suite, image)).filter((name) => /^linux-(base|binary|modules)-\d/.test(name));
  return [image, ...parts];
}

/** Copies the needed modules, those they depend on, and a new index of them. */
async function copyModules(from: string, release: string, to: string): Promise<void> {
  const source = `${from}/lib/modules/${release}`;
  const target = `${to}/lib/modules/${release}`;
  await Deno.mkdir(target, { recursive: true });
  await run("depmod", ["-b", from, release]);
  for (const module of MODULES) {
    const steps = await run("modprobe", ["-d", from, "-S", release, "--show-depends", module]);
    // Built-in modules have no file.
    for (const [, file] of steps.matchAll(/^insmod (\S+)/gm)) {
      if (file !== undefined) await Deno.copyFile(file, `${target}/${file.split("/").at(-1)}`);
    }
  }
  // Busybox finds no compressed ones.
  await run("sh", ["-c", 'find "$0" -name "*.xz" -exec xz -df {} +', target]);
  for (const index of ["modules.order", "modules.builtin", "modules.builtin.modinfo"]) {
    await Deno.copyFile(`${source}/${index}`, `${target}/${index}`);
  }
  await run("depmod", ["-b", to, release]);
}

/** Writes a directory as the archive the kernel unpacks at boot. */
export async function packTree(tree: string, archive: string): Promise<void> {
  await run("sh", ["-c", `find . | cpio -o -H newc --quiet -R 0:0 >"$0.new" && mv "$0.new" "$0"`, archive], tree);
}

async function makeRootDisk(disk: string, busybox: string): Promise<void> {
  await installCriu();
  const tree = await Deno.makeTempDir({ prefix: "cgrestore-vm-" });
  try {
    await fillRoot(tree, { criu: `${CRIU_DIRECTORY}/root/usr`, busybox });
    await addPrograms(tree, "bookworm");
    await addPrograms(tree, "sid");
    const used = Number.parseInt(await run("du", ["-sm", tree]));
    const filesystem = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", tree];
    await run("mke2fs", [...filesystem, `${disk}.new`, `${used + FREE_SPACE_MB}M`]);
    await Deno.rename(`${disk}.new`, disk);
  } finally {
    await Deno.remove(tree, { recursive: true });
  }
}

/**
 * Programs for containers: runc, crun, Docker, podman and LXC, networks and profiles for them, and what CRIU dumps files
 * of a tmpfs and net namespaces with. Of Debian's crun, only sid's can dump and restore; it is made for the C library
 * that is here for CRIU. Its `libsystemd0` is Docker's and podman's, too, as CRIU's `libxtables` is iptables': there is a
 * place for one only.
 */
const PROGRAMS = {
  bookworm: {
    "sbin/apparmor_parser": ["apparmor"],
    "usr/bin/conmon": ["conmon", "libglib2.0-0"],
    "usr/bin/containerd": ["containerd"],
    "usr/bin/containerd-shim-runc-v2": [],
    "usr/bin/docker": ["docker.io", "libdevmapper1.02.1", "libudev1"],
    "usr/bin/docker-init": ["tini"],
    "usr/bin/lxc-checkpoint": ["lxc", "liblxc1", "libapparmor1", "libgcc-s1"],
    "usr/bin/lxc-info": [],
    "usr/bin/lxc-start": [],
    "usr/bin/lxc-stop": [],
    "usr/bin/podman": [
      ...["podman", "libsubid4", "libgpgme11", "libassuan0", "libgpg-error0", "libaudit1", "libcap-ng0"],
      ...["libsemanage2", "libsepol2", "libbz2-1.0", "libcrypt1", "libpam0g"],
    ],
    "usr/lib/podman/netavark": ["netavark"],
    "usr/sbin/docker-proxy": [],
    "usr/sbin/dockerd": [],
    "usr/sbin/runc": ["runc", "libseccomp2"],
    "bin/tar": ["tar", "libacl1", "libselinux1", "libpcre2-8-0"],
  },
  sid: {
    "usr/bin/crun": ["crun", "libcriu2", "libblake3-0", "libcap2", "libjson-c5", "libsystemd0"],
    "usr/bin/ip": ["iproute2", "libbpf1", "libelf1t64", "libzstd1", "zlib1g"],
    "usr/sbin/xtables-nft-multi": ["iptables"],
  },
};

async function addPrograms(tree: string, from: keyof typeof PROGRAMS): Promise<void> {
  await withSuite(from, async (suite) => {
    const unpacked = `${suite.state}/programs`;
    await unpack(suite, Object.values(PROGRAMS[from]).flat(), unpacked, false);
    for (const directory of ["usr/lib", "lib"]) {
      if (!await exists(`${unpacked}/${directory}`)) continue;
      await run("cp", ["-an", `${unpacked}/${directory}/x86_64-linux-gnu`, `${tree}/usr/lib/`]);
    }
    for (const program of Object.keys(PROGRAMS[from])) {
      // Busybox has some of the names, too.
      await run("cp", ["--remove-destination", `${unpacked}/${program}`, `${tree}/${program}`]);
    }
  });
}

async function fillRoot(tree: string, { criu, busybox }: { criu: string; busybox: string }): Promise<void> {
  const directories = [
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "usr/lib/podman",
    "etc",
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "root",
  ];
  for (const name of [...directories, "var/lib", "var/cache", "src"]) {
    await Deno.mkdir(`${tree}/${name}`, { recursive: true });
  }
  for (const name of ["bin", "sbin", "lib", "lib64"]) await Deno.symlink(`usr/${name}`, `${tree}/${name}`);
  await Deno.symlink("../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", `${tree}/usr/lib64/ld-linux-x86-64.so.2`);
  await run("cp", ["-a", `${criu}/lib/x86_64-linux-gnu`, `${tree}/usr/lib/`]);
  await run("cp", [`${criu}/sbin/criu`, `${tree}/usr/sbin/criu`]);
  await run("cp", [Deno.execPath(), `${tree}/usr/bin/deno`]);
  await Deno.copyFile(busybox, `${tree}/usr/bin/busybox`);
  for (const applet of (await run(busybox, ["--list"])).trim().split("\n")) {
    if (applet !== "busybox") await Deno.symlink("busybox", `${tree}/usr/bin/${applet}`);
  }
  // Where the kernel looks for it.
  await Deno.symlink("../bin/busybox", `${tree}/usr/sbin/modprobe`);
  await Deno.writeTextFile(`${tree}/etc/vm`, "");
  for (const name of ["iptables", "ip6tables"]) await Deno.symlink("xtables-nft-multi", `${tree}/usr/sbin/${name}`);
  // Docker takes the first line that the parser says for its version: without the file, that is a warning.
  await Deno.mkdir(`${tree}/etc/apparmor`);
  await Deno.writeTextFile(`${tree}/etc/apparmor/parser.conf`, "");
  await Deno.writeTextFile(`${tree}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
  await Deno.writeTextFile(`${tree}/etc/group`, "root:x:0:\n");
}

if (import.meta.main) console.log(await setUpVm());
