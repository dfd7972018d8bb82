/** Hosts for the fake kernel, like real ones. */

/** A machine, before anything happens to it. */
export interface FakeHost {
  /** `uname -r`. */
  readonly kernel: string;
  readonly machine: string;
  readonly pidMax: number;
  /** Every controller of the kernel, in the order of `/proc/cgroups`. */
  readonly controllers: readonly string[];
  readonly hierarchies: readonly FakeHostHierarchy[];
  /** cgrestore's own pid. */
  readonly pid: number;
  readonly tasks?: readonly { readonly pid: number; readonly comm: string }[];
  /** Files and their content, by absolute path; `-> path` is a symbolic link. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** CapEff, in hexadecimal; all of them when absent. */
  readonly capabilities?: string;
}

/** A hierarchy that the host has. */
export interface FakeHostHierarchy {
  readonly name: string;
  /** For v2, those that no v1 hierarchy has; for v1, they are in the name. */
  readonly controllers?: readonly string[];
  /** Where it is mounted, if it is. */
  readonly mountPoint?: string;
  readonly options?: string;
  readonly superOptions?: string;
  /** Cgroups that exist, parents first. */
  readonly cgroups?: readonly string[];
  /** Values of files, by path; `cgroup.subtree_control` takes changes. */
  readonly values?: Readonly<Record<string, string>>;
  /** Where cgrestore is. */
  readonly ownPath?: string;
}

const CONTROLLERS = [
  "cpuset",
  "cpu",
  "cpuacct",
  "blkio",
  "memory",
  "devices",
  "freezer",
  "net_cls",
  "perf_event",
  "net_prio",
  "hugetlb",
  "pids",
  "rdma",
  "misc",
];

const MACHINE = {
  kernel: "6.1.0-fake",
  machine: "x86_64",
  pidMax: 4194304,
  controllers: CONTROLLERS,
  pid: 412,
  tasks: [{ pid: 2, comm: "kthreadd" }, { pid: 300, comm: "sshd" }],
};

function mounted(name: string, more: Omit<FakeHostHierarchy, "name"> = {}): FakeHostHierarchy {
  const directory = name.replace("name=", "");
  return { name, mountPoint: `/sys/fs/cgroup/${directory}`, ownPath: "/", ...more };
}

/** systemd's hybrid layout: v1 with all controllers, a named hierarchy, and v2 without controllers. */
export function hybridHost(): FakeHost {
  return {
    ...MACHINE,
    hierarchies: [
      mounted("name=systemd", { cgroups: ["/user.slice"], ownPath: "/user.slice" }),
      mounted("cpuset"),
      mounted("cpu,cpuacct", { cgroups: ["/user.slice"], ownPath: "/user.slice" }),
      mounted("memory"),
      mounted("freezer"),
      mounted("pids", { cgroups: ["/user.slice"], ownPath: "/user.slice" }),
      mounted("devices"),
      ...["net_cls,net_prio", "blkio", "perf_event", "hugetlb", "rdma", "misc"].map((name) => mounted(name)),
      {
        name: "",
        controllers: [],
        mountPoint: "/sys/fs/cgroup/unified",
        cgroups: ["/user.slice"],
        ownPath: "/user.slice",
      },
    ],
  };
}

/** v1 only, each controller in a hierarchy of its own, as container hosts had them; v2 is not mounted. */
export function v1Host(): FakeHost {
  const names = [
    "name=systemd",
    "cpuset",
    "cpu",
    "cpuacct",
    "memory",
    "freezer",
    "pids",
    "devices",
    "net_cls",
    "net_prio",
  ];
  return { ...MACHINE, hierarchies: names.map((name) => mounted(name)) };
}

/** v2 only, with the usual controllers enabled at the top. */
export function v2Host(): FakeHost {
  const controllers = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"];
  return {
    ...MACHINE,
    hierarchies: [{
      name: "",
      controllers,
      mountPoint: "/sys/fs/cgroup",
      cgroups: ["/user.slice", "/user.slice/session.scope"],
      values: {
        "/cgroup.subtree_control": "+cpuset +cpu +io +memory +pids",
        "/user.slice/cgroup.subtree_control": "+memory +pids",
      },
      ownPath: "/user.slice/session.scope",
    }],
  };
}
