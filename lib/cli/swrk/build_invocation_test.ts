import { deepEqual, throws } from "node:assert/strict";
import { UsageError } from "../../errors.ts";
import { type CriuOpts, readCriuOpts } from "../../gen/rpc.ts";
import { MessageReader } from "../../wire/message_reader.ts";
import { parseArgs } from "../parse_args.ts";
import { buildInvocation } from "./build_invocation.ts";

const NOTHING = readCriuOpts(new MessageReader(new Uint8Array()));
const IMAGES = { imagesDirFd: 7 };
const ORIGIN = { caller: 42, config: [] };

Deno.test("buildInvocation() asks for what a command line can ask for", async (t) => {
  const log = "--log-file=criu.log";
  const rows: [what: string, given: Partial<CriuOpts>, args: string[]][] = [
    ["images and a working directory of the caller", { imagesDirFd: 7, workDirFd: 8 }, [
      "--images=/proc/42/fd/7",
      "--work-dir=/proc/42/fd/8",
      log,
    ]],
    ["images by their path", { imagesDirFd: -1, imagesDir: "/img" }, ["--images=/img", log]],
    ["a log", { ...IMAGES, logFile: "restore.log", logLevel: 4 }, [
      "-D/proc/42/fd/7",
      "--log-file=restore.log",
      "-v4",
    ]],
    ["more than everything in the log", { ...IMAGES, logLevel: 9 }, ["-D/proc/42/fd/7", log, "-v4"]],
    ["a log on standard error", { ...IMAGES, logFile: "x", logToStderr: true }, ["-D/proc/42/fd/7"]],
    [
      "switches",
      { ...IMAGES, rstSibling: true, leaveStopped: true, shellJob: true, extUnixSk: true, skipFileRwxCheck: true },
      ["-D/proc/42/fd/7", log, "--restore-sibling", "-s", "-j", "--ext-unix-sk", "--skip-file-rwx-check"],
    ],
    ["switches that are off", { ...IMAGES, rstSibling: false, tcpClose: false }, ["-D/proc/42/fd/7", log]],
    ["connections", { ...IMAGES, tcpEstablished: true }, ["-D/proc/42/fd/7", log, "--tcp-established"]],
    ["cgroups", { ...IMAGES, manageCgroupsMode: 5, manageCgroups: false, cgroupYard: "/yard" }, [
      "-D/proc/42/fd/7",
      log,
      "--manage-cgroups=strict",
      "--cgroup-yard=/yard",
    ]],
    ["cgroups, as of old", { ...IMAGES, manageCgroups: false }, ["-D/proc/42/fd/7", log, "--manage-cgroups=ignore"]],
    ["cgroups, as CRIU likes it", { ...IMAGES, manageCgroupsMode: 6 }, ["-D/proc/42/fd/7", log]],
    ["places of cgroups", {
      ...IMAGES,
      cgRoot: [{ ctrl: "cpu", path: "/a" }, { ctrl: "", path: "/b" }, { ctrl: undefined, path: "/c" }],
    }, ["-D/proc/42/fd/7", log, "--cgroup-root=cpu:/a", "--cgroup-root=:/b", "--cgroup-root=/c"]],
    ["mounts", { ...IMAGES, root: "/r", extMnt: [{ key: "/etc/x", val: "/y" }], autoExtMnt: true }, [
      "-D/proc/42/fd/7",
      log,
      "--root=/r",
      "--external=mnt[/etc/x]:/y",
      "--external=mnt[]",
    ]],
    ["ends of devices outside", { ...IMAGES, veths: [{ ifIn: "eth0", ifOut: "out@br0" }] }, [
      "-D/proc/42/fd/7",
      log,
      "--external=veth[eth0]:out@br0",
    ]],
    ["what is named twice", {
      ...IMAGES,
      extMnt: [{ key: "a", val: "/1" }, { key: "a", val: "/2" }],
      inheritFd: [{ key: "pipe:[5]", fd: 1 }, { key: "pipe:[5]", fd: 2 }],
    }, ["-D/proc/42/fd/7", log, "--external=mnt[a]:/1", "--inherit-fd=fd[1]:pipe:[5]"]],
    ["namespaces that are there", { ...IMAGES, joinNs: [{ ns: "uts", nsFile: "/x" }, { ns: "ipc", nsFile: "/y" }] }, [
      "-D/proc/42/fd/7",
      log,
      "--join-ns=uts:/x",
      "--join-ns=ipc:/y",
    ]],
    ["a profile of AppArmor", { ...IMAGES, lsmProfile: "apparmor:x" }, [
      "-D/proc/42/fd/7",
      log,
      "--lsm-profile=apparmor:x",
    ]],
    ["an empty net namespace", { ...IMAGES, emptyNs: 0x40000000 }, ["-D/proc/42/fd/7", log, "--empty-ns=net"]],
  ];
  for (const [what, given, args] of rows) {
    await t.step(what, () => deepEqual(buildInvocation({ ...NOTHING, ...given }, ORIGIN), parseArgs(["-d", ...args])));
  }
});

Deno.test("buildInvocation() refuses what is not done here, and tells all of it", () => {
  const given = {
    logFile: "a/b",
    manageCgroupsMode: 7,
    emptyNs: 1,
    execCmd: ["sh"],
    lazyPages: true,
    lsmMountContext: "y",
  };
  throws(() => buildInvocation({ ...NOTHING, ...given }, ORIGIN), (error) => {
    deepEqual(error instanceof UsageError && error.message.split("\n  "), [
      "Cannot do what the caller asks for",
      "there is no directory of images",
      'the name of the log, "a/b", has a slash',
      "there is no mode 7 for cgroups",
      "only net namespaces can be left empty, not 0x1",
      'the program "sh" cannot be run in the end (exec_cmd)',
      "pages cannot be fetched later (lazy_pages)",
      'the security context "y" cannot be set for mounts',
    ]);
    return true;
  });
});

Deno.test("buildInvocation() refuses what cannot be understood", () => {
  throws(
    () => buildInvocation({ ...NOTHING, ...IMAGES, external: ["mnt[a]:"] }, ORIGIN),
    /Cannot use "--external=mnt\[a\]:": the name of a mount and a path are needed/,
  );
});

Deno.test("buildInvocation() lets a configuration file go before the request", () => {
  const config = [
    { name: "tcp-established" },
    { name: "network-lock", value: "skip" },
    { name: "ghost-limit", value: "5M" },
    { name: "no-such-option" },
    { name: "log-file", value: "own.log" },
    { name: "external", value: "mnt[b]:/2" },
    { name: "images-dir", value: "/own" },
    { name: "verbosity", value: "1" },
  ];
  const given = { ...NOTHING, ...IMAGES, logFile: "a.log", logLevel: 4, extMnt: [{ key: "a", val: "/1" }] };
  deepEqual(
    buildInvocation(given, { caller: 42, config }),
    parseArgs([
      ...["-d", "-D/own", "--log-file=own.log", "-v1", "--tcp-established"],
      ...["--external=mnt[a]:/1", "--external=mnt[b]:/2"],
    ]),
  );
});

Deno.test("buildInvocation() refuses what a configuration file asks for and is not done here", () => {
  const config = [{ name: "lazy-pages" }, { name: "cpu-cap", value: "all" }];
  throws(() => buildInvocation({ ...NOTHING, ...IMAGES }, { caller: 42, config }), (error) => {
    deepEqual(error instanceof UsageError && error.message.split("\n  "), [
      "Cannot understand the command line: 2 mistakes",
      'Cannot use "--lazy-pages": pages cannot be fetched later',
      'Cannot use "--cpu-cap=all": the values are fpu, none',
    ]);
    return true;
  });
});
