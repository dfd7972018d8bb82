import type { ContentsPlan, DescriptorStep, Handle } from "../../plan/contents/contents_plan.ts";
import type { ExpectedFile } from "../../plan/contents/expected_file.ts";
import { type NetUnixSocket, parseNetUnix } from "../../host/parse_net_unix.ts";
import type { ExpectedLock } from "../../plan/contents/plan_locks.ts";
import { compareUnixSocket } from "./compare_unix_socket.ts";
import { O_DIRECTORY, O_RDONLY } from "../../sys/constants.ts";
import { readText } from "../../sys/files.ts";
import type { Sys } from "../../sys/sys.ts";
import { SocketComparison } from "./verify_sockets.ts";

const O_CLOEXEC = 0o2000000;
/** Flags that mean nothing on 64 bits, and that only opening by name sets. */
const O_LARGEFILE = 0o100000;

/** A descriptor that is there, and what fdinfo and its link say. */
interface FoundDescriptor extends DescriptorStep {
  readonly info: string;
  link: string;
}

/** Compares descriptors of all tasks with a plan: two of one object must be so in different tasks as well. */
export class DescriptorComparison {
  /** Inodes by object, and objects by inode. */
  readonly #inodes = new Map<string, string>();
  readonly #objects = new Map<string, string>();
  /** What the kernel's own mounts, which are of one kind each, have in them: sockets or pipes. By their ids. */
  readonly #kinds = new Map<string, string>();
  /** By net namespace, and there by link, read when the first is needed. */
  readonly #unixSockets = new Map<number, ReadonlyMap<string, NetUnixSocket>>();

  readonly #sockets: SocketComparison;

  /** @param witnesses directories of /proc of tasks in the net namespaces, by their numbers; none where all are in one */
  constructor(
    readonly sys: Sys,
    readonly plan: Pick<ContentsPlan, "expectedFiles">,
    readonly witnesses: readonly string[] = [],
  ) {
    this.#sockets = new SocketComparison(sys);
  }

  /** What is missing among the locks that a task shall have. */
  compareLocks(directory: string, locks: readonly ExpectedLock[]): string[] {
    const fds = [...new Set(locks.map(({ fd }) => fd))];
    const infos = fds.length === 0 ? [] : this.sys.readAll(`${directory}/fdinfo`, fds.map(String));
    const lines = new Map(fds.map((fd, index) => [fd, parseLocks(infos[index] ?? "")]));
    return locks.flatMap(({ fd, line: pattern }) => {
      const found = lines.get(fd) ?? [];
      if (found.some((line) => matches(line, pattern))) return [];
      return [
        `descriptor ${fd}: there is no lock "${pattern}", but ${found.map((line) => `"${line}"`).join() || "none"}`,
      ];
    });
  }

  /** How the descriptors of the task with this directory of /proc differ from what they should be. */
  compare(directory: string, descriptors: readonly DescriptorStep[]): string[] {
    const found = this.#list(`${directory}/fd`, descriptors);
    const differences = descriptors.filter(({ fd }) => !found.has(fd)).map(({ fd }) => `descriptor ${fd} is missing`);
    const there = this.#read(directory, descriptors.filter(({ fd }) => found.delete(fd)));
    for (const descriptor of there) {
      for (const what of this.#compareOne(directory, descriptor)) {
        differences.push(`descriptor ${descriptor.fd}: ${what}`);
      }
    }
    return [...differences, ...[...found].map((fd) => `descriptor ${fd} is too much`)];
  }

  /**
   * Descriptors that are there. Since Linux 6.2 the size of the directory is their number: when that is right, those that
   * are expected will be looked for one by one, which takes less than to list them.
   */
  #list(path: string, expected: readonly DescriptorStep[]): Set<number> {
    if (this.sys.stat(path).size === expected.length) return new Set(expected.map(({ fd }) => fd));
    const fd = this.sys.open(path, O_RDONLY | O_DIRECTORY);
    try {
      return new Set(this.sys.readDirectory(fd).map(({ name }) => Number(name)));
    } finally {
      this.sys.close(fd);
    }
  }

  /** What /proc tells of descriptors. Links take as long as all the rest: those are read that fdinfo does not tell. */
  #read(directory: string, descriptors: readonly DescriptorStep[]): FoundDescriptor[] {
    const infos = this.sys.readAll(`${directory}/fdinfo`, descriptors.map(({ fd }) => String(fd)));
    const found = descriptors.map(({ fd, handle, closeOnExec }, index) => {
      const info = infos[index] ?? "";
      return { fd, handle, closeOnExec, info, link: this.#linkOf(handle, info, `${directory}/fd/${fd}`) };
    });
    const unknown = found.filter(({ link }) => link === "");
    const links = this.sys.readLinks(`${directory}/fd`, unknown.map(({ fd }) => String(fd)));
    unknown.forEach((descriptor, index) => descriptor.link = links[index] ?? "");
    return found;
  }

  /** The link at `path`, if fdinfo tells it; else it is empty. */
  #linkOf(handle: Handle, info: string, path: string): string {
    const expected = this.plan.expectedFiles.get(handle);
    if (expected === undefined) return "";
    const { link, lines = [] } = expected;
    // Each kind without inodes of its own has other lines.
    if (link.startsWith("anon_inode:")) return lines.length > 0 && hasLines(info, lines) ? link : "";
    const [, mount = "", inode] = link === "socket:[" || link === "pipe:[" ? INODE.exec(info) ?? [] : [];
    if (inode === undefined) return "";
    const known = this.#kinds.get(mount);
    if (known !== undefined) return `${known}:[${inode}]`;
    const read = this.sys.readLink(path);
    const [, kind] = KIND.exec(read) ?? [];
    if (kind !== undefined) this.#kinds.set(mount, kind);
    return read;
  }

  #compareOne(directory: string, { fd, handle, closeOnExec, info, link }: FoundDescriptor): string[] {
    const expected = this.plan.expectedFiles.get(handle);
    if (expected === undefined) return [];
    const { object, network = 0, unix, socket } = expected;
    const witness = this.witnesses[network] ?? directory;
    const differences = [...compareLink(expected, link), ...compareInfo(expected, info, closeOnExec)];
    if (object !== undefined) differences.push(...this.#compareObject(object, `${directory}/fd/${fd}`, link));
    if (unix !== undefined) {
      differences.push(...compareUnixSocket(unix, this.#unixSocketsOf(network, witness).get(link)));
    }
    if (socket !== undefined) differences.push(...this.#sockets.compare(witness, link, socket));
    return differences;
  }

  /** @param directory of /proc, of a task in the net namespace with this number */
  #unixSocketsOf(network: number, directory: string): ReadonlyMap<string, NetUnixSocket> {
    const known = this.#unixSockets.get(network);
    if (known !== undefined) return known;
    const sockets = parseNetUnix(readText(this.sys, `${directory}/net/unix`));
    const found = new Map(sockets.map((socket) => [`socket:[${socket.inode}]`, socket]));
    this.#unixSockets.set(network, found);
    return found;
  }

  /** Most links are no help: files without a name may have equal ones. */
  #compareObject(object: string, path: string, link: string): string[] {
    const inode = KIND.test(link) ? link : this.sys.identity(path);
    const [knownInode, knownObject] = [this.#inodes.get(object) ?? inode, this.#objects.get(inode) ?? object];
    this.#inodes.set(object, knownInode);
    this.#objects.set(inode, knownObject);
    if (knownInode === inode && knownObject === object) return [];
    return [`it is ${knownInode === inode ? knownObject : `another inode than ${object}`}, and should be ${object}`];
  }
}

function compareLink({ link: expected, isPrefix = false }: ExpectedFile, link: string): string[] {
  const isRight = isPrefix ? link.startsWith(expected) : link === expected;
  return isRight ? [] : [`it is ${JSON.stringify(link)}, and should be ${JSON.stringify(expected)}`];
}

/** Links to sockets and pipes tell their inodes (proc_pid_fd(5)). */
const KIND = /^(socket|pipe):\[\d+\]$/;
/** Before Linux 5.14, fdinfo does not tell the inode. */
const INODE = /^mnt_id:\s*(\d+)\nino:\s*(\d+)$/m;

/** /proc/PID/fdinfo/FD (proc_pid_fdinfo(5)): the position and the flags, which are octal, come first. */
const BEGINNING = /^pos:\s*(-?\d+)\nflags:\s*([0-7]+)$/m;

function linesOf(info: string): string[] {
  return info.split("\n").map((line) => line.replace(/\s+/g, " ").trim());
}

/**
 * Locks of fdinfo, as an `ExpectedLock` has them; there is `lock: 1: POSIX ADVISORY WRITE 77 08:01:5 0 EOF` (proc_locks(5)).
 */
function parseLocks(text: string): string[] {
  return text.split("\n").filter((line) => line.startsWith("lock:")).map((line) => {
    const [, , kind, mode, access, , , start, end] = line.trim().split(/\s+/);
    return [kind, mode, access, start, end].join(" ");
  });
}

function compareInfo(expected: ExpectedFile, info: string, closeOnExec: boolean): string[] {
  const [, position = "0", octal = "0"] = BEGINNING.exec(info) ?? [];
  const flags = parseInt(octal, 8);
  const differences: string[] = [];
  const wanted = expected.flags & ~(O_CLOEXEC | O_LARGEFILE);
  const actual = flags & ~(O_CLOEXEC | O_LARGEFILE);
  if (actual !== wanted) differences.push(`its flags are 0${actual.toString(8)}, and should be 0${wanted.toString(8)}`);
  if (((flags & O_CLOEXEC) !== 0) !== closeOnExec) differences.push(`close-on-exec is ${!closeOnExec}`);
  if (expected.position !== undefined && position !== String(expected.position)) {
    differences.push(`its position is ${position}, and should be ${expected.position}`);
  }
  // Most need none of the other lines.
  if (expected.lines === undefined || hasLines(info, expected.lines)) return differences;
  return [...differences, ...missingLines(linesOf(info), expected.lines)];
}

/** How many lines are looked for in a text before it is taken apart. */
const FEW_LINES = 4;

/** Whether lines are there for sure. */
function hasLines(info: string, patterns: readonly string[]): boolean {
  if (patterns.length > FEW_LINES || patterns.some((pattern) => pattern.includes("*"))) return false;
  const text = `\n${info.replace(/[ \t]+/g, " ")}`;
  return patterns.every((pattern) => text.includes(`\n${pattern}\n`));
}

/** There may be thousands of each, as of watches: most patterns tell the first two words of their line. */
function missingLines(lines: readonly string[], patterns: readonly string[]): string[] {
  const byBeginning = Map.groupBy(lines, beginningOf);
  return patterns.flatMap((pattern) => {
    const beginning = beginningOf(pattern);
    const candidates = beginning.includes("*") ? lines : byBeginning.get(beginning) ?? [];
    return candidates.some((line) => matches(line, pattern)) ? [] : [`"${pattern}" is missing in fdinfo`];
  });
}

function beginningOf(line: string): string {
  return line.split(" ", 2).join(" ");
}

/** Whether a line is what a pattern says, in which a `*` stands for anything. */
export function matches(line: string, pattern: string): boolean {
  const parts = pattern.split("*");
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return line === pattern;
  if (!line.startsWith(first) || !line.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = line.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= line.length - last.length;
}
