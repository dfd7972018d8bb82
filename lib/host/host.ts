import type { PageRun } from "../model/address_space.ts";
import type { HierarchyName } from "../model/hierarchy.ts";
import type { Clocks, UserNamespace } from "../model/namespaces.ts";

/**
 * What the planner needs to know of this host. Plain data, taken once by `describeHost`; a planner that wants to
 * look something up in the kernel is missing a field here.
 */
export interface Host {
  /** Every hierarchy that exists, mounted or not; sorted by name. */
  readonly hierarchies: readonly Hierarchy[];
  /** Controllers of this kernel that no v1 hierarchy has, enabled ones only; sorted. Some may serve cgroup v2. */
  readonly looseControllers: readonly string[];
  /** `cgroup.controllers` of the v2 root, sorted; empty where v2 has none or is not mounted. */
  readonly unifiedControllers: readonly string[];
  /**
   * Pids, among those of the checkpoint, that are not free in the pid namespace that was asked for, with what has them:
   * `"process sshd, which has to end first"`.
   */
  readonly takenPids: ReadonlyMap<number, string>;
  /** Pids that are free there and not in the checkpoint, ascending, for helper tasks; as many as were asked for. */
  readonly freePids: readonly number[];
  /** Of the pid namespace that was asked for; absent when it is cgrestore's own, or the descriptor is of no such. */
  readonly joinedPids?: JoinedPids;
  /** `kernel.pid_max`: pids are below it. */
  readonly pidMax: number;
  /** `fs.nr_open`: no limit of open files can be above it. */
  readonly maxDescriptors: number;
  /** `fs.suid_dumpable`: what PR_GET_DUMPABLE says after a change of credentials. */
  readonly suidDumpable: number;
  /** `uname -r`, as `[major, minor]`. */
  readonly kernel: readonly [number, number];
  /** `uname -m`. */
  readonly machine: string;
  /** Names of the capabilities in cgrestore's effective set: `CAP_SYS_ADMIN`. */
  readonly capabilities: ReadonlySet<string>;
  /** Those components of XSAVE's area that were asked for and that this processor has enabled, by number. */
  readonly components: ReadonlyMap<number, { readonly offset: number; readonly size: number }>;
  /** What cgrestore itself is like, and the tasks are born like. */
  readonly own: OwnState;
  /** Those of the files asked for that exist, by path or name; links are followed. */
  readonly files: ReadonlyMap<string, HostFile>;
  readonly memory: HostMemory;
  /** Those of the descriptors asked for that cgrestore was started with. */
  readonly inherited: ReadonlyMap<number, HostDescriptor>;
  /** A directory on each of those of the devices asked for that are mounted, by device. */
  readonly mounts: ReadonlyMap<number, string>;
  /** Where those of the file systems asked for are mounted as a whole, by type. */
  readonly fileSystems: ReadonlyMap<string, string>;
  /** Those of the ids asked for that a process, a thread or a process group has, with what that is in our pid namespace. */
  readonly outsiders: ReadonlyMap<number, number>;
  /** Absent when it was not asked for. */
  readonly unix?: HostUnix;
  /** Absent when it was not asked for. */
  readonly network?: HostNetwork;
  /** The terminal that cgrestore was started from; absent when there is none, or it was not asked for. */
  readonly terminal?: OwnTerminal;
  /** Absent when it was not asked for, and where AppArmor is not in force. */
  readonly appArmor?: HostAppArmor;
  /** The clocks as they are without a time namespace; absent when not asked for, and where there are none of these. */
  readonly clocks?: Clocks;
  /** Paths of those of the programs asked for that are in PATH, by their names. */
  readonly programs: ReadonlyMap<string, string>;
  /** Absent when it was not asked for. */
  readonly user?: HostUser;
}

/** What can be seen of a pid namespace that is there. */
export interface JoinedPids {
  /** Whether nobody is in it: one that is not below ours looks like that, and one whose first process has ended. */
  readonly isEmpty: boolean;
}

/** What matters to a user namespace that is made: the ids that there are in cgrestore's own, and limits. */
export interface HostUser extends UserNamespace {
  /** Most bytes of buffers of sockets that can be asked for (`net.core.wmem_max` and `rmem_max`); Infinity: not known. */
  readonly largestSendBuffer: number;
  readonly largestReceiveBuffer: number;
}

/** What AppArmor is like here. */
export interface HostAppArmor {
  /** The profile that cgrestore itself is under, and the tasks are born with: `"unconfined"`. */
  readonly ownProfile: string;
  /** Names of all that are loaded; absent when that may not be seen. */
  readonly loadedProfiles?: ReadonlySet<string>;
}

/** What matters to sockets of unix(7). */
export interface HostUnix {
  /** Abstract names that are in use, as `abstractNameKey` of lib/model makes them. */
  readonly abstractNames: ReadonlySet<string>;
  /** How many datagrams a queue takes from sockets that it is not connected to (`net.unix.max_dgram_qlen`). */
  readonly longestQueue: number;
}

/** The network that cgrestore itself is in. */
export interface HostNetwork {
  /** Those of TCP, UDP and UDP-Lite that are bound, and for TCP listen or are connected. */
  readonly sockets: readonly HostSocket[];
  readonly netlinkPorts: readonly HostNetlinkPort[];
  /** Networks, of both families, that sockets can be bound to all addresses of. */
  readonly ownNetworks: readonly { readonly address: Uint8Array; readonly prefix: number }[];
  /** Names of the network devices by index. */
  readonly devices: ReadonlyMap<number, string>;
  /** Names of those that are bridges. */
  readonly bridges: ReadonlySet<string>;
  /** Whether sockets can be bound to any address (`ip_nonlocal_bind`). */
  readonly bindsFreely: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** Longer ones are cut (`net.core.somaxconn`). */
  readonly largestBacklog: number;
  /** First and last id of the groups that may have sockets of ICMP messages (`net.ipv4.ping_group_range`). */
  readonly pingGroups: readonly [number, number];
  /** What this kernel does not have. */
  readonly lacks: ReadonlySet<NetworkPart>;
}

/** Parts of the network that a kernel can be without: Linux 7.1 has no UDP-Lite any more. */
export type NetworkPart = "IPv6" | "UDP-Lite";

export interface HostSocket {
  /** IPPROTO_* */
  readonly protocol: number;
  readonly local: HostEndpoint;
  /** All zeros when it is not connected. */
  readonly remote: HostEndpoint;
  /** TCP_* of net/tcp_states.h. */
  readonly state: number;
  readonly inode: number;
}

export interface HostEndpoint {
  /** 4 or 16 bytes, in the order of the network. */
  readonly address: Uint8Array;
  readonly port: number;
}

export interface HostNetlinkPort {
  /** NETLINK_* */
  readonly protocol: number;
  readonly port: number;
}

export interface OwnTerminal {
  /** The first of standard input, output and error that is a terminal. */
  readonly descriptor: number;
  /** `"/dev/pts/3"` */
  readonly path: string;
  /** Whether it controls cgrestore's session. */
  readonly isControlling: boolean;
}

/** What this kernel can do about memory. */
export interface HostMemory {
  /** `vm.max_map_count`: most mappings of a task. */
  readonly maxMappings: number;
  /** Huge pages that can be had, by their size in bytes, for the sizes asked for that there are. */
  readonly hugePages: ReadonlyMap<number, number>;
  /** Whether there are transparent huge pages; also where nobody asked for it. */
  readonly hasTransparentPages: boolean;
  /** Whether equal pages can be merged (KSM); also where nobody asked for it. */
  readonly mergesPages: boolean;
  /** What the kernel maps into every task (vdso(7)); absent where it does not, and where nobody asked for it. */
  readonly vdso?: HostVdso;
  /** For programs of 32 bits; absent where the kernel runs none, and where nobody asked for it. */
  readonly compat?: HostCompat;
  /** Pages of the images that decide something, by what they are; those that can be read. */
  readonly pages: ReadonlyMap<string, Uint8Array>;
  /** Processors that this machine can have; 1 where nobody asked for it. */
  readonly processors: number;
}

/** What is to be known of a kernel that runs programs of 32 bits. */
export interface HostCompat {
  /** What it maps into such tasks; absent where it does not. */
  readonly vdso?: HostVdso;
}

/** The code and the data that the kernel maps, one behind the other. */
export interface HostVdso {
  /** By ascending offset, the first of which is 0; several are data. Sizes in bytes. */
  readonly parts: readonly { readonly kind: "vdso" | "vvar"; readonly offset: number; readonly size: number }[];
  /** The bytes of the code. */
  readonly code: Uint8Array;
}

export interface OwnState {
  readonly uids: readonly [real: number, effective: number, saved: number, fs: number];
  readonly gids: readonly [real: number, effective: number, saved: number, fs: number];
  /** Ascending. */
  readonly groups: readonly number[];
  /** Masks of capabilities. */
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
  readonly noNewPrivileges: boolean;
  /** Whether seccomp(2) is in force. */
  readonly hasSeccomp: boolean;
  readonly nice: number;
  /** SCHED_* of sched(7) */
  readonly policy: number;
  readonly oomScoreAdjustment: number;
  /** Absent where the kernel has none (CONFIG_AUDIT). */
  readonly loginUid?: number;
  /** By resource number; RLIM_INFINITY is 2⁶⁴ − 1. */
  readonly limits: readonly { readonly soft: bigint; readonly hard: bigint }[];
}

export interface HostFile {
  /** st_mode, with the file's type. */
  readonly mode: number;
  readonly size: number;
  /** st_rdev: for devices, their number. */
  readonly device: number;
  /** GNU build id in hexadecimal; absent when it was not asked for, or the file has none. */
  readonly buildId?: string;
  /**
   * The symbolic link that the path itself is; absent when it is none, or was not asked for. One that leads nowhere is
   * the file as well.
   */
  readonly link?: HostFile;
  /** Of the file of a unix socket: the socket that answers there; absent when that may not be found out. */
  readonly answer?: "none" | "datagram" | "other";
}

/** A descriptor of cgrestore's own. */
export interface HostDescriptor extends Omit<HostFile, "link" | "answer" | "device"> {
  /** What its link in /proc says: `"pipe:[77]"` (proc_pid_fd(5)). */
  readonly name: string;
  /** Status flags and access mode. */
  readonly flags: number;
}

export interface Hierarchy {
  readonly name: HierarchyName;
  readonly version: 1 | 2;
  /** Where cgrestore itself is in it: what a task is born into. */
  readonly ownPath: string;
  /** A mount of it whose root is the hierarchy's root; absent when there is none in sight. */
  readonly mount?: HierarchyMount;
  /**
   * v2 only: options of its superblock, when it has no `mount` but some other mount of it (of a part, or one that only
   * init sees) shows them. Mounting it with other options would change it for everybody.
   */
  readonly superOptions?: readonly string[];
  /** Those cgroups that exist, among the ones asked for and their ancestors; by path. Empty without a way to look. */
  readonly cgroups: ReadonlyMap<string, HostCgroup>;
}

export interface HierarchyMount {
  readonly mountPoint: string;
  readonly readOnly: boolean;
  /** Options of the superblock, in mountinfo's order, without `rw` and `ro`. */
  readonly superOptions: readonly string[];
}

export interface HostCgroup {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * Contents, without the final newline, of those of these files that exist: v1 `cpuset.cpus`, `cpuset.mems`,
   * `freezer.state`, `pids.max`, `pids.current`; v2 `cgroup.controllers`, `cgroup.subtree_control`, `cgroup.type`,
   * `cgroup.freeze`, `cgroup.events`, `pids.max`, `pids.current`.
   */
  readonly values: ReadonlyMap<string, string>;
}

/** What `describeHost` is to look at. */
export interface HostQuestions {
  readonly pids: readonly number[];
  /** How many free pids are wanted. */
  readonly helpers: number;
  /** The descriptor of cgrestore's own that is the pid namespace which pids are of; absent: they are of cgrestore's own. */
  readonly pidNamespace?: number;
  /** Paths of cgroups of interest, by the host's own name of the hierarchy. */
  readonly cgroups: ReadonlyMap<HierarchyName, readonly string[]>;
  /** Numbers of components of XSAVE's area. */
  readonly components: readonly number[];
  /** Paths of files, or names for them, with what matters of each besides type, mode and size. */
  readonly files: ReadonlyMap<string, FileQuestion>;
  /** Descriptors of cgrestore's own. */
  readonly inherited: readonly number[];
  readonly memory: MemoryQuestions;
  /** Numbers of devices, as the kernel has them: 12 bits of major number, 20 bits of minor number. */
  readonly devices: readonly number[];
  /** Types of file systems. */
  readonly fileSystems: readonly string[];
  /** Ids that are no task's, thread's or process group's of the checkpoint, and that it refers to. */
  readonly outsiders: readonly number[];
  /** Whether there are unix sockets. */
  readonly unix: boolean;
  /** Whether the network matters. */
  readonly network: boolean;
  /** Whether the terminal matters that cgrestore was started from. */
  readonly terminal: boolean;
  /** Whether the clocks matter. */
  readonly clocks: boolean;
  /** Whether AppArmor matters. */
  readonly appArmor: boolean;
  /** Names of programs. */
  readonly programs: readonly string[];
  /** Whether a user namespace is to be made. */
  readonly user: boolean;
}

/** What the memory of the tasks needs. */
export interface MemoryQuestions {
  /** Sizes of huge pages in bytes. */
  readonly hugePages: readonly number[];
  readonly transparentPages: boolean;
  readonly mergedPages: boolean;
  readonly vdso: boolean;
  /** Whether there is code of 32 bits to run. */
  readonly compat: boolean;
  readonly processors: boolean;
  /** Where the images have pages that decide something, by what they are. */
  readonly pages: ReadonlyMap<string, readonly PageRun[]>;
}

export interface FileQuestion {
  /** Where it is, when not at its path; `undefined` here as well. */
  readonly at?: string | undefined;
  readonly buildId: boolean;
  /** Whether it matters if the path is a symbolic link itself. */
  readonly link: boolean;
}
