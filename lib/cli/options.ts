/**
 * The commands and options of the command line, as one table: the parser and the help text both follow it.
 */
import { WITHOUT_EFFECT } from "./criu_options.ts";

/** Commands in the order of the help text; the first is the default. */
export const COMMANDS = [
  {
    name: "restore",
    summary: "Restore the tasks of a checkpoint into their cgroups (the default)",
    examples: [
      ["cgrestore -D /checkpoints/web -d --pidfile web.pid", "restore, and leave the tasks running"],
      ["cgrestore -D . --cgroup-root /machine.slice/web", "restore below another cgroup"],
      ["cgrestore -D . --dry-run", "say what would be done, and do nothing"],
    ],
  },
  {
    name: "plan",
    summary: "Say what a restore would do on this host; needs no privilege",
    examples: [
      ["cgrestore plan -D /checkpoints/web", "the plan, for people"],
      ["cgrestore plan -D . --json", "the plan, for programs"],
    ],
  },
  {
    name: "show",
    summary: "Show the tasks and cgroups of a checkpoint",
    examples: [
      ["cgrestore show -D /checkpoints/web", "tasks and cgroup sets"],
      ["cgrestore show -D . -v", "the cgroups with their properties as well"],
    ],
  },
  {
    name: "swrk",
    argument: "FD",
    summary: "Serve a container runtime on the socket FD, as CRIU does: restores only",
    examples: [["criu swrk 3", 'what a runtime runs, where "criu" in its PATH is a link to cgrestore']],
  },
  {
    name: "help",
    summary: 'Show help, or that of one command: "cgrestore help plan"',
    examples: [["cgrestore help restore", "help about restoring"]],
  },
  { name: "version", summary: "Show the version", examples: [["cgrestore version", "show the version"]] },
] as const satisfies readonly {
  readonly name: string;
  /** What follows its name. */
  readonly argument?: string;
  readonly summary: string;
  /** Command line, and what it does. */
  readonly examples: readonly (readonly [string, string])[];
}[];

export type CommandName = typeof COMMANDS[number]["name"];

/** One option: how it is written, where it is valid, and what the help says about it. */
export interface OptionSpec {
  /** Long name, without dashes; the option's name everywhere. */
  readonly name: string;
  readonly short?: string;
  /** Other long names. */
  readonly aliases?: readonly string[];
  /** `flag`: no value, `--no-NAME` negates; `value`: needs one; `optional`: may have one, joined with `=`; `level`: `-v`. */
  readonly kind: "flag" | "value" | "optional" | "level";
  /** The value's name in the help: `"DIR"`. */
  readonly value?: string;
  /** Whether several values may be given. */
  readonly repeatable?: boolean;
  /** How the help writes the long name, where it is not `--NAME`. */
  readonly shownAs?: string;
  readonly commands: readonly CommandName[];
  /** Absent: it has no effect. */
  readonly help?: string;
}

const ALL = COMMANDS.map((command) => command.name);
const READING: readonly CommandName[] = ["restore", "plan", "show"];
const PLANNING: readonly CommandName[] = ["restore", "plan"];
const RESTORING: readonly CommandName[] = ["restore"];

/** Options in the order of the help text. */
export const OPTIONS: readonly OptionSpec[] = [
  {
    name: "images",
    short: "D",
    aliases: ["images-dir"],
    kind: "value",
    value: "DIR",
    commands: READING,
    help: "Directory of the checkpoint's images; default: the current one",
  },
  {
    name: "work-dir",
    short: "W",
    kind: "value",
    value: "DIR",
    commands: RESTORING,
    help: "Directory that relative names of the log, the pid file and the yard start from; default: that of the images",
  },
  {
    name: "log-file",
    short: "o",
    kind: "value",
    value: "FILE",
    commands: RESTORING,
    help: 'Write the log to FILE, "-" for standard output; default: standard error',
  },
  {
    name: "pidfile",
    kind: "value",
    value: "FILE",
    commands: RESTORING,
    help: "Write the root task's pid to FILE, which must not exist",
  },
  {
    name: "restore-detached",
    short: "d",
    kind: "flag",
    commands: RESTORING,
    help: "End once the tasks run, as cgrestore does anyway unless it is to wait",
  },
  {
    name: "wait",
    kind: "flag",
    commands: RESTORING,
    help:
      "Wait until the root task ends, pass signals on to it, and end with its exit status; default with --shell-job",
  },
  {
    name: "restore-sibling",
    short: "S",
    kind: "flag",
    commands: PLANNING,
    help: "Make the root task a child of the caller instead of cgrestore",
  },
  {
    name: "action-script",
    kind: "value",
    value: "FILE",
    repeatable: true,
    commands: RESTORING,
    help: "Run FILE at each stage, as CRIU does: CRTOOLS_SCRIPT_ACTION, CRTOOLS_IMAGE_DIR and CRTOOLS_INIT_PID tell " +
      "it which and what; may be repeated",
  },
  {
    name: "leave-stopped",
    short: "s",
    kind: "flag",
    commands: RESTORING,
    help: "Leave the tasks stopped instead of running",
  },
  {
    name: "file-locks",
    short: "l",
    kind: "flag",
    commands: RESTORING,
    help: "Accepted because callers of CRIU pass it: locks of files are restored when the checkpoint has them",
  },
  {
    name: "shell-job",
    short: "j",
    kind: "flag",
    commands: PLANNING,
    help:
      "Put the root task into cgrestore's own session, process group and terminal, where its own were not dumped, and " +
      "wait for its end",
  },
  {
    name: "pid-namespace",
    kind: "flag",
    commands: PLANNING,
    help: "Make the tasks in a new pid namespace, where every pid is free",
  },
  {
    name: "manage-cgroups",
    kind: "optional",
    value: "MODE",
    commands: PLANNING,
    help:
      "What to do about cgroups that exist, and about properties: none, props, soft (the default, and what no MODE " +
      "means), full, strict or ignore",
  },
  {
    name: "cgroup-root",
    kind: "value",
    value: "[CTRL:]/PATH",
    repeatable: true,
    commands: PLANNING,
    help: 'Put the cgroups below PATH: in the hierarchy CTRL, in that of cgroup v2 (":/PATH"), or in all not named; ' +
      "may be repeated",
  },
  {
    name: "cgroup-yard",
    kind: "value",
    value: "DIR",
    commands: RESTORING,
    help: "Use the hierarchies mounted below DIR instead of mounting them",
  },
  {
    name: "on-missing",
    kind: "value",
    value: "fail|skip",
    commands: PLANNING,
    help:
      "What to do where this host lacks a hierarchy of the checkpoint or the address of a socket, cgroup v2 a limit of " +
      "v1, or the images what was in a file that only a mount shows; default: fail",
  },
  {
    name: "inherit-fd",
    kind: "value",
    value: "fd[N]:KEY",
    repeatable: true,
    commands: PLANNING,
    help: "Use cgrestore's own descriptor N for the file KEY of the checkpoint: a path without its first slash, " +
      '"file[MOUNT:INODE]", "pipe:[INODE]" and the like, as CRIU names them; or for its external net or pid ' +
      "namespace KEY; may be repeated",
  },
  {
    name: "join-ns",
    short: "J",
    kind: "value",
    value: "KIND:PID|FILE",
    repeatable: true,
    commands: PLANNING,
    help: "Put the tasks into the uts, ipc or time namespace of the process PID, or that is FILE, instead of one of " +
      "their own; what theirs had is not restored; may be repeated",
  },
  {
    name: "empty-ns",
    kind: "value",
    value: "net",
    commands: PLANNING,
    help: "Make the net namespace of the tasks and leave it as it is, for action scripts to set up",
  },
  {
    name: "weak-sysctls",
    kind: "flag",
    commands: PLANNING,
    help: "Leave out the settings of the tasks' net namespace that this kernel does not have",
  },
  {
    name: "cpu-cap",
    kind: "value",
    value: "fpu|none",
    commands: PLANNING,
    help: "Accepted because callers of CRIU pass it: the state that tasks have in the processor is all that decides " +
      "whether this one will do",
  },
  {
    name: "file-validation",
    kind: "value",
    value: "filesize|buildid",
    commands: PLANNING,
    help: "How to tell that a file is still the one of the dump: by its size and type alone, or by the build id of " +
      "programs and libraries as well (the default)",
  },
  {
    name: "skip-file-rwx-check",
    kind: "flag",
    commands: PLANNING,
    help: "Let the permissions of files differ from those at the dump",
  },
  {
    name: "root",
    short: "r",
    kind: "value",
    value: "DIR",
    commands: PLANNING,
    help: "Where the root file system of the tasks' mount namespace is here; default: this host's",
  },
  {
    name: "external",
    kind: "value",
    value: "mnt[KEY]:PATH",
    repeatable: true,
    commands: PLANNING,
    help: "Use PATH for the mount that was dumped as the external one KEY; mnt[] takes those that " +
      "CRIU has found by itself from where they were. veth[INNER]:NAME@BRIDGE calls the other end of the veth device " +
      "INNER, which is in cgrestore's own net namespace, NAME, and makes it a part of BRIDGE if that is given; " +
      "macvlan[INNER]:PARENT has INNER use the device PARENT there; may be repeated",
  },
  {
    name: "veth-pair",
    kind: "value",
    value: "INNER=NAME@BRIDGE",
    repeatable: true,
    commands: PLANNING,
    help: "The older form of --external veth[INNER]:NAME@BRIDGE; may be repeated",
  },
  {
    name: "ext-mount-map",
    short: "M",
    kind: "value",
    value: "KEY:PATH",
    repeatable: true,
    commands: PLANNING,
    help: "The older form of --external, with auto for mnt[]; may be repeated",
  },
  {
    name: "ext-unix-sk",
    short: "x",
    kind: "optional",
    value: "INODES",
    commands: PLANNING,
    help: "Connect unix sockets to those outside of the checkpoint that they were connected to; INODES are of no " +
      "meaning here",
  },
  {
    name: "tcp-established",
    kind: "flag",
    commands: PLANNING,
    help: "Restore TCP connections",
  },
  {
    name: "tcp-close",
    kind: "flag",
    commands: PLANNING,
    help: "Restore TCP sockets that were connected closed; goes before --tcp-established",
  },
  {
    name: "lsm-profile",
    kind: "value",
    value: "apparmor:NAME|none",
    commands: PLANNING,
    help: "Put tasks that were under a profile of AppArmor under its profile NAME instead; or leave all tasks as " +
      "cgrestore is, whatever security module theirs was of: none",
  },
  {
    name: "rehearse",
    kind: "flag",
    commands: RESTORING,
    help: "Restore and verify, and then undo everything",
  },
  {
    name: "placeholders",
    kind: "flag",
    commands: PLANNING,
    help: "Make the tasks without memory, files and the like: asleep, but in their cgroups",
  },
  {
    name: "dry-run",
    kind: "flag",
    commands: RESTORING,
    help: 'Show the plan and do nothing, as the command "plan"',
  },
  { name: "json", kind: "flag", commands: READING, help: "Write the result as JSON" },
  {
    name: "color",
    kind: "flag",
    shownAs: "--[no-]color",
    commands: READING,
    help: "Colours; default: on a terminal, unless NO_COLOR is set",
  },
  {
    name: "verbosity",
    short: "v",
    kind: "level",
    value: "N",
    commands: READING,
    help: "How much to tell: 0 nothing, 1 errors, 2 warnings (the default), 3 what is done, 4 everything; -v adds " +
      "one, -vN means N",
  },
  {
    name: "default-config",
    kind: "flag",
    shownAs: "--no-default-config",
    commands: READING,
    help: "Accepted because callers of CRIU pass it: there are no configuration files",
  },
  ...WITHOUT_EFFECT.map((option) => ({
    ...option,
    kind: option.value === undefined ? "flag" as const : "value" as const,
    repeatable: true,
    commands: RESTORING,
  })),
  { name: "help", short: "h", kind: "flag", commands: ALL, help: "Show this help" },
  { name: "version", short: "V", kind: "flag", commands: ALL, help: "Show the version" },
];

/** The spec of `command`, or `undefined` when there is no such command. */
export function findCommand(command: string): typeof COMMANDS[number] | undefined {
  return COMMANDS.find(({ name }) => name === command);
}
