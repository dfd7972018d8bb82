import { deepEqual, equal, throws } from "node:assert/strict";
import { UsageError } from "../errors.ts";
import type { Invocation, RestoreInvocation } from "./invocation.ts";
import { parseArgs } from "./parse_args.ts";

const PLAN_OPTIONS = {
  mode: "soft",
  roots: [],
  onMissing: "fail",
  pidNamespace: false,
  shellJob: false,
  restoreSibling: false,
  placeholders: false,
  fileValidation: "buildid",
  skipFileRwxCheck: false,
  inheritedFiles: [],
  mounts: { external: [], takesDetected: false },
  outerEnds: [],
  parents: [],
  joins: [],
  meaninglessExternals: [],
  leavesNetEmpty: false,
  mayLackSettings: false,
  externalUnixSockets: false,
  connections: "refuse",
} as const;
const RESTORE: RestoreInvocation = {
  command: "restore",
  images: ".",
  json: false,
  verbosity: 2,
  workDir: ".",
  detached: false,
  wait: false,
  actionScripts: [],
  leaveStopped: false,
  rehearse: false,
  planOptions: PLAN_OPTIONS,
};
const PLAN: Invocation = { command: "plan", images: ".", json: false, verbosity: 2, planOptions: PLAN_OPTIONS };
const SHOW: Invocation = { command: "show", images: ".", json: false, verbosity: 2 };

const restore = (part: Partial<RestoreInvocation>): Invocation => ({ ...RESTORE, ...part });
const planOptions = (part: Partial<RestoreInvocation["planOptions"]>): Invocation =>
  restore({ planOptions: { ...PLAN_OPTIONS, ...part } });

const withMounts = (part: Partial<RestoreInvocation["planOptions"]["mounts"]>): Invocation =>
  planOptions({ mounts: { ...PLAN_OPTIONS.mounts, ...part } });

Deno.test("parseArgs() understands", async (t) => {
  const rows: [args: string, want: Invocation][] = [
    ["", RESTORE],
    ["restore", RESTORE],
    ["plan", PLAN],
    ["show", SHOW],
    ["-j plan", { ...PLAN, planOptions: { ...PLAN_OPTIONS, shellJob: true } }],
    ["--", RESTORE],
    ["plan --", PLAN],
    ["-D a", restore({ images: "a", workDir: "a" })],
    ["-Da", restore({ images: "a", workDir: "a" })],
    ["-D ./a", restore({ images: "./a", workDir: "./a" })],
    ["-D./a=b", restore({ images: "./a=b", workDir: "./a=b" })],
    ["--images a", restore({ images: "a", workDir: "a" })],
    ["--images=a", restore({ images: "a", workDir: "a" })],
    ["--images-dir a", restore({ images: "a", workDir: "a" })],
    ["-D 07", restore({ images: "07", workDir: "07" })],
    ["-D a -W b", restore({ images: "a", workDir: "b" })],
    ["--work-dir=b", restore({ workDir: "b" })],
    ["-o f", restore({ logFile: "f" })],
    ["-o -", restore({ logFile: "-" })],
    ["-o-", restore({ logFile: "-" })],
    ["--log-file f", restore({ logFile: "f" })],
    ["--pidfile /f", restore({ pidfile: "/f" })],
    ["-d", restore({ detached: true })],
    ["--restore-detached", restore({ detached: true })],
    ["-d --no-restore-detached", RESTORE],
    ["-s", restore({ leaveStopped: true })],
    ["--leave-stopped", restore({ leaveStopped: true })],
    ["-r /srv/root/", withMounts({ root: "/srv/root" })],
    ["-r root/ -M a:b", withMounts({ root: "root", external: [{ key: "a", path: "b" }] })],
    [
      "--root=/ --external mnt[/etc/hosts]:/srv/hosts --ext-mount-map b:/c --external=mnt[]",
      withMounts({
        root: "/",
        external: [{ key: "/etc/hosts", path: "/srv/hosts" }, { key: "b", path: "/c" }],
        takesDetected: true,
      }),
    ],
    ["-M auto", withMounts({ takesDetected: true })],
    [
      "--external veth[eth0]:out --external=veth[eth1]:b@br0 --veth-pair c=d@br1 --veth-pair=e=f",
      planOptions({
        outerEnds: [
          { inner: "eth0", name: "out" },
          { inner: "eth1", name: "b", bridge: "br0" },
          { inner: "c", name: "d", bridge: "br1" },
          { inner: "e", name: "f" },
        ],
      }),
    ],
    ["--external macvlan[a]:b", planOptions({ parents: [{ inner: "a", parent: "b" }] })],
    ["--external mnt[]:ms", withMounts({ takesDetected: true })],
    ["--file-locks", RESTORE],
    [
      "--link-remap --enable-external-sharing --enable-external-masters --enable-fs hugetlbfs --enable-fs tracefs",
      RESTORE,
    ],
    ["-t 77 -R --ghost-limit 5M --ghost-limit=1G --no-ghost-fiemap --cgroup-props=a: -L/lib --tls --port 80", RESTORE],
    ["--cpu-cap=none", RESTORE],
    ["--cpu-cap fpu", RESTORE],
    ["--weak-sysctls", planOptions({ mayLackSettings: true })],
    ["-S", planOptions({ restoreSibling: true })],
    ["-l", RESTORE],
    ["-j", { ...RESTORE, wait: true, planOptions: { ...PLAN_OPTIONS, shellJob: true } }],
    ["-d --no-shell-job --shell-job", restore({ detached: true, planOptions: { ...PLAN_OPTIONS, shellJob: true } })],
    ["-dsj", {
      ...restore({ detached: true, leaveStopped: true }),
      planOptions: { ...PLAN_OPTIONS, shellJob: true },
    } as Invocation],
    ["--pid-namespace", planOptions({ pidNamespace: true })],
    ["--tcp-established", planOptions({ connections: "restore" })],
    ["--lsm-profile apparmor::ns:web", planOptions({ profile: { appArmor: ":ns:web" } })],
    [
      "-J uts:77 --join-ns ipc:/run/ns/ipc",
      planOptions({ joins: [{ kind: "uts", path: "/proc/77/ns/uts" }, { kind: "ipc", path: "/run/ns/ipc" }] }),
    ],
    ["--lsm-profile none", planOptions({ profile: "none" })],
    ["--cgroup-root cpu,io:a/b", planOptions({ roots: [{ hierarchy: "cpu,io", path: "/a/b" }] })],
    ["--external apparmor:a --external=b", planOptions({ meaninglessExternals: ["apparmor:a", "b"] })],
    ["--ext-mount-map console:", planOptions({})],
    ["--empty-ns net", planOptions({ leavesNetEmpty: true })],
    ["--tcp-close", planOptions({ connections: "close" })],
    ["--tcp-close --tcp-established", planOptions({ connections: "close" })],
    ["--manage-cgroups", RESTORE],
    ["--manage-cgroups=none", planOptions({ mode: "none" })],
    ["--manage-cgroups=props", planOptions({ mode: "props" })],
    ["--manage-cgroups=soft", RESTORE],
    ["--manage-cgroups=full", planOptions({ mode: "full" })],
    ["--manage-cgroups=strict", planOptions({ mode: "strict" })],
    ["--manage-cgroups=ignore", planOptions({ mode: "ignore" })],
    ["--manage-cgroups plan", PLAN],
    ["--cgroup-root /a", planOptions({ roots: [{ path: "/a" }] })],
    ["--cgroup-root=/a:b", planOptions({ roots: [{ path: "/a:b" }] })],
    ["--cgroup-root :/a", planOptions({ roots: [{ hierarchy: "", path: "/a" }] })],
    ["--cgroup-root cpu,cpuacct:/a --cgroup-root name=x:/", {
      ...planOptions({ roots: [{ hierarchy: "cpu,cpuacct", path: "/a" }, { hierarchy: "name=x", path: "/" }] }),
    }],
    ["--cgroup-yard y", restore({ cgroupYard: "y" })],
    ["--on-missing fail", RESTORE],
    ["--on-missing=skip", planOptions({ onMissing: "skip" })],
    ["--rehearse", restore({ rehearse: true })],
    ["--placeholders", planOptions({ placeholders: true })],
    ["--placeholders --no-placeholders", RESTORE],
    ["--file-validation filesize", planOptions({ fileValidation: "filesize" })],
    ["--file-validation=buildid", planOptions({ fileValidation: "buildid" })],
    ["--skip-file-rwx-check", planOptions({ skipFileRwxCheck: true })],
    [
      "--inherit-fd fd[5]:pipe:[77] --inherit-fd=fd[0]:a/b",
      planOptions({ inheritedFiles: [{ fd: 5, key: "pipe:[77]" }, { fd: 0, key: "a/b" }] }),
    ],
    ["plan --placeholders", { ...PLAN, planOptions: { ...PLAN_OPTIONS, placeholders: true } }],
    ["--dry-run", PLAN],
    ["restore --dry-run -o f -d", PLAN],
    ["--json", restore({ json: true })],
    ["--color", restore({ color: true })],
    ["--no-color", restore({ color: false })],
    ["--no-default-config", RESTORE],
    ["-v", restore({ verbosity: 3 })],
    ["-vv", restore({ verbosity: 4 })],
    ["-vvvv", restore({ verbosity: 4 })],
    ["-v -v", restore({ verbosity: 4 })],
    ["-v0", restore({ verbosity: 0 })],
    ["-dv4", restore({ verbosity: 4, detached: true })],
    ["-vd", restore({ verbosity: 3, detached: true })],
    ["--verbosity", restore({ verbosity: 3 })],
    ["--verbosity=1", restore({ verbosity: 1 })],
    ["show -v", { ...SHOW, verbosity: 3 }],
    ["help", { command: "help" }],
    ["help plan", { command: "help", topic: "plan" }],
    ["-h", { command: "help" }],
    ["--help", { command: "help" }],
    ["plan --help", { command: "help", topic: "plan" }],
    ["--bogus -h", { command: "help" }],
    ["version", { command: "version" }],
    ["-V", { command: "version" }],
    ["show --version", { command: "version" }],
    [
      "restore --no-default-config --log-file restore.log --images-dir DIR --verbosity=4 --manage-cgroups " +
      "--cgroup-root /x --cgroup-yard yard --pidfile /run/x.pid --restore-detached",
      restore({
        images: "DIR",
        workDir: "DIR",
        logFile: "restore.log",
        verbosity: 4,
        cgroupYard: "yard",
        pidfile: "/run/x.pid",
        detached: true,
        planOptions: { ...PLAN_OPTIONS, roots: [{ path: "/x" }] },
      }),
    ],
  ];
  for (const [args, want] of rows) {
    await t.step(args === "" ? "nothing" : args, () => deepEqual(parseArgs(split(args)), want));
  }
});

Deno.test("parseArgs() refuses", async (t) => {
  const rows: [args: string, problem: string][] = [
    ["--imagse x", 'Cannot use "--imagse": there is no such option; perhaps "--images" is meant'],
    ["--imagse=x", 'Cannot use "--imagse": there is no such option; perhaps "--images" is meant'],
    ["--bogus", 'Cannot use "--bogus": there is no such option'],
    ["-z", 'Cannot use "-z": there is no such option'],
    ["--constructor", 'Cannot use "--constructor": there is no such option'],
    ["--no-images", 'Cannot use "--no-images": there is no such option'],
    ["--ghost-limit", 'Cannot use "--ghost-limit": it needs a value, as in "--ghost-limit=SIZE"'],
    ["--ghost-fiemap=5", 'Cannot use "--ghost-fiemap" with a value: it takes none'],
    ["plan -t 7", 'Cannot use "--tree" with "plan": it is an option of "restore"'],
    ["--lazy-pages", 'Cannot use "--lazy-pages": pages cannot be fetched later'],
    [
      "--lsm-mount-context u:r:t --stream",
      [
        'Cannot use "--lsm-mount-context": security contexts cannot be set for mounts',
        'Cannot use "--stream": images are read from a directory, and not from criu-image-streamer',
      ].join("\n  "),
    ],
    ["--cpu-cap=cpu,ins", 'Cannot use "--cpu-cap=cpu,ins": the values are fpu, none'],
    ["--cpu-cap", 'Cannot use "--cpu-cap": it needs a value, as in "--cpu-cap=fpu|none"'],
    ["--no-bogus", 'Cannot use "--no-bogus": there is no such option'],
    ["-D", 'Cannot use "-D": it needs a value, as in "-D DIR"'],
    ["--images", 'Cannot use "--images": it needs a value, as in "--images=DIR"'],
    ["--images-dir -d", 'Cannot use "--images-dir": it needs a value, as in "--images-dir=DIR"'],
    [
      "--join-ns net:7",
      'Cannot use "--join-ns=net:7": one of uts, ipc, time and a pid or an absolute path are needed, as in "uts:77"',
    ],
    ["-J uts:7 -J uts:/a", 'Cannot use "--join-ns=uts:/a": there is another namespace of the same kind'],
    ["-J uts:7 --placeholders", 'Cannot use "--join-ns" together with "--placeholders"'],
    [
      "--lsm-profile selinux:u:r:t",
      'Cannot use "--lsm-profile=selinux:u:r:t": a profile of AppArmor is needed, as in "apparmor:docker-default", or ' +
      '"none"',
    ],
    ["--images=", 'Cannot use "--images=": the value is empty'],
    [
      "--pidfile -- x",
      [
        'Cannot run "x": there is no such command; images are given as "-D DIR"',
        'Cannot use "--pidfile": it needs a value, as in "--pidfile=FILE"',
      ].join("\n  "),
    ],
    ["-D a --images b", 'Cannot use "--images" 2 times: only one value has a meaning'],
    ["--on-missing=skip --on-missing=skip", 'Cannot use "--on-missing" 2 times: only one value has a meaning'],
    [
      "--manage-cgroups --manage-cgroups=soft",
      'Cannot use "--manage-cgroups" 2 times: only one value has a meaning',
    ],
    ["-v3 --verbosity=4", 'Cannot use "--verbosity" 2 times: only one value has a meaning'],
    ["--json=yes", 'Cannot use "--json" with a value: it takes none'],
    ["-j5", 'Cannot use "--shell-job" with a value: it takes none'],
    ["-v=3", 'Cannot use "-v" with "=": the number follows at once, as in "-v4"'],
    ["-v5", 'Cannot use "--verbosity=5": a number from 0 to 4 is needed'],
    ["--verbosity=-1", 'Cannot use "--verbosity=-1": a number from 0 to 4 is needed'],
    ["--verbosity=2.5", 'Cannot use "--verbosity=2.5": a number from 0 to 4 is needed'],
    [
      "--manage-cgroups none",
      'Cannot use "--manage-cgroups none": "=" is needed, as in "--manage-cgroups=none"',
    ],
    [
      "restore --manage-cgroups none",
      'Cannot use "--manage-cgroups none": "=" is needed, as in "--manage-cgroups=none"',
    ],
    [
      "--manage-cgroups=sotf",
      'Cannot use "--manage-cgroups=sotf": the values are none, props, soft, full, strict, ignore; ' +
      'perhaps "soft" is meant',
    ],
    ["--on-missing=never", 'Cannot use "--on-missing=never": the values are fail, skip'],
    ["--cgroup-root a", 'Cannot use "--cgroup-root=a": path "a" is not absolute'],
    ["--cgroup-root cpu:", 'Cannot use "--cgroup-root=cpu:": path "" is not absolute'],
    ["--cgroup-root /a/../b", 'Cannot use "--cgroup-root=/a/../b": path "/a/../b" has the component ".."'],
    ["--cgroup-root /a/", 'Cannot use "--cgroup-root=/a/": path "/a/" has an empty component'],
    [
      "--cgroup-root :/a --cgroup-root :/b",
      'Cannot use "--cgroup-root=:/b": there is another root for the same hierarchies',
    ],
    [
      "--cgroup-root /a --cgroup-root /b",
      'Cannot use "--cgroup-root=/b": there is another root for the same hierarchies',
    ],
    ["--root=", 'Cannot use "--root=": the value is empty'],
    [
      "--external dev[1/2]:a --external mnt[a] --external mnt[a]: --ext-mount-map a",
      [
        'Cannot use "--external=dev[1/2]:a": it can be for mounts, veth and macvlan devices, as in "mnt[KEY]:PATH"; ' +
        "others are for scripts to provide",
        ...["mnt[a]", "mnt[a]:"].map((text) => (
          `Cannot use "--external=${text}": the name of a mount and a path are needed, as in "mnt[KEY]:PATH"`
        )),
        'Cannot use "--ext-mount-map=a": the name of a mount and a path are needed, as in "KEY:PATH"',
      ].join("\n  "),
    ],
    [
      "--external veth[a] --external veth[]:b --external veth[a]:b/c --external veth[a]:b@ --veth-pair a",
      [
        ...["veth[a]", "veth[]:b", "veth[a]:b/c", "veth[a]:b@"].map((text) => (
          `Cannot use "--external=${text}": names of devices are needed, as in "veth[eth0]:NAME@BRIDGE"`
        )),
        'Cannot use "--veth-pair=a": names of devices are needed, as in "eth0=NAME@BRIDGE"',
      ].join("\n  "),
    ],
    [
      "--external macvlan[a] --external macvlan[b]:c --external macvlan[b]:d",
      [
        'Cannot use "--external=macvlan[a]": names of devices are needed, as in "macvlan[eth0]:PARENT"',
        'Cannot use "--external=macvlan[b]:d": there is another parent for the same device',
      ].join("\n  "),
    ],
    [
      "--external veth[a]:b --veth-pair a=c --veth-pair c=b",
      ["a=c", "c=b"].map((text) => (
        `Cannot use "--veth-pair=${text}": there is another end for the same device, or with the same name`
      )).join("\n  "),
    ],
    [
      "--external mnt[a]:/b -M a:/c",
      'Cannot use "--ext-mount-map=a:/c": there is another path for the same mount',
    ],
    [
      "--inherit-fd pipe:[77]",
      'Cannot use "--inherit-fd=pipe:[77]": a descriptor and what it is for are needed, as in "fd[5]:pipe:[77]"',
    ],
    [
      "--inherit-fd fd[5]: --inherit-fd fd[x]:a",
      [
        'Cannot use "--inherit-fd=fd[5]:": a descriptor and what it is for are needed, as in "fd[5]:pipe:[77]"',
        'Cannot use "--inherit-fd=fd[x]:a": a descriptor and what it is for are needed, as in "fd[5]:pipe:[77]"',
      ].join("\n  "),
    ],
    [
      "--inherit-fd fd[5]:a --inherit-fd fd[6]:a",
      'Cannot use "--inherit-fd=fd[6]:a": there is another descriptor for the same',
    ],
    ["--file-validation=md5", 'Cannot use "--file-validation=md5": the values are filesize, buildid'],
    ["plna", 'Cannot run "plna": there is no such command; perhaps "plan" is meant'],
    ["verify", 'Cannot run "verify": there is no such command; images are given as "-D DIR"'],
    ["dir/images", 'Cannot run "dir/images": there is no such command; images are given as "-D DIR"'],
    ["plan x", 'Cannot use "x": "plan" takes no such argument'],
    ["plan -- --json", 'Cannot use "--json": "plan" takes no such argument'],
    ["help bogus", 'Cannot explain "bogus": the commands are restore, plan, show, swrk, help, version'],
    ["help plan show", 'Cannot use "show": "help" takes no such argument'],
    ["plan -d", 'Cannot use "--restore-detached" with "plan": it is an option of "restore"'],
    ["plan -W x", 'Cannot use "--work-dir" with "plan": it is an option of "restore"'],
    ["plan -o x", 'Cannot use "--log-file" with "plan": it is an option of "restore"'],
    ["show --pidfile x", 'Cannot use "--pidfile" with "show": it is an option of "restore"'],
    ["show --pid-namespace", 'Cannot use "--pid-namespace" with "show": it is an option of "restore" and "plan"'],
    ["version --json", 'Cannot use "--json" with "version": it is an option of "restore", "plan" and "show"'],
    [
      "--bogus --json=1 -v9",
      [
        'Cannot use "--json" with a value: it takes none',
        'Cannot use "--bogus": there is no such option',
        'Cannot use "--verbosity=9": a number from 0 to 4 is needed',
      ].join("\n  "),
    ],
  ];
  for (const [args, problem] of rows) {
    const mistakes = problem.split("\n").length;
    const message = mistakes === 1 ? problem : `Cannot understand the command line: ${mistakes} mistakes\n  ${problem}`;
    await t.step(args, () => {
      throws(() => parseArgs(split(args)), (error) => {
        equal(error instanceof UsageError && error.message, message);
        return true;
      });
    });
  }
});

function split(args: string): string[] {
  return args.split(" ").filter((arg) => arg !== "");
}
