import type { ContentsPlan, DescriptorStep } from "../../plan/contents/contents_plan.ts";
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

/** Compares descriptors of all tasks with a plan: two of one object must be so in different tasks as well. */
export class DescriptorComparison {
  /** Inodes by object, and objects by inode. */
  readonly #inodes = new Map<string, string>();
  readonly #objects = new Map<string, string>();
  /** By link, read when the first is needed. */
  #unixSockets: Map<string, NetUnixSocket> | undefined;

  readonly #sockets: SocketComparison;

  constructor(readonly sys: Sys, readonly plan: Pick<ContentsPlan, "expectedFiles">) {
    this.#sockets = new SocketComparison(sys);
  }

  /** What is missing among the locks that a task shall have. */
  compareLocks(directory: string, locks: readonly ExpectedLock[]): string[] {
    const lines = new Map<number, string[]>();
    for (const { fd } of locks) {
      if (!lines.has(fd)) lines.set(fd, parseLocks(readText(this.sys, `${directory}/fdinfo/${fd}`)));
    }
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
    const found = this.#list(`${directory}/fd`);
    const differences = descriptors.flatMap((step) => {
      if (!found.delete(step.fd)) return [`descriptor ${step.fd} is missing`];
      return this.#compareOne(directory, step).map((what) => `descriptor ${step.fd}: ${what}`);
    });
    return [...differences, ...[...found].map((fd) => `descriptor ${fd} is too much`)];
  }

  #list(path: string): Set<number> {
    const fd = this.sys.open(path, O_RDONLY | O_DIRECTORY);
    try {
      return new Set(this.sys.readDirectory(fd).map(({ name }) => Number(name)));
    } finally {
      this.sys.close(fd);
    }
  }

  #compareOne(directory: string, { fd, handle, closeOnExec }: DescriptorStep): string[] {
    const expected = this.plan.expectedFiles.get(handle);
    if (expected === undefined) return [];
    const path = `${directory}/fd/${fd}`;
    const info = readText(this.sys, `${directory}/fdinfo/${fd}`);
    const link = this.sys.readLink(path);
    return [
      ...compareLink(expected, link),
      ...expected.object === undefined ? [] : this.#compareObject(expected.object, path),
      ...compareInfo(expected, info, closeOnExec),
      ...expected.unix === undefined ? [] : compareUnixSocket(expected.unix, this.#findUnixSocket(directory, link)),
      ...expected.socket === undefined ? [] : this.#sockets.compare(directory, link, expected.socket),
    ];
  }

  /** All tasks are in one net namespace. */
  #findUnixSocket(directory: string, link: string): NetUnixSocket | undefined {
    this.#unixSockets ??= new Map(
      parseNetUnix(readText(this.sys, `${directory}/net/unix`)).map((socket) => [`socket:[${socket.inode}]`, socket]),
    );
    return this.#unixSockets.get(link);
  }

  /** Links are no help: files without a name may have equal ones. */
  #compareObject(object: string, path: string): string[] {
    const inode = this.sys.identity(path);
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

/** /proc/PID/fdinfo/FD (proc_pid_fdinfo(5)): flags are octal. */
const POSITION = /^pos:\s*(-?\d+)$/m;
const FLAGS = /^flags:\s*([0-7]+)$/m;

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
  const flags = parseInt(FLAGS.exec(info)?.[1] ?? "0", 8);
  const position = BigInt(POSITION.exec(info)?.[1] ?? "0");
  const differences: string[] = [];
  const wanted = expected.flags & ~(O_CLOEXEC | O_LARGEFILE);
  const actual = flags & ~(O_CLOEXEC | O_LARGEFILE);
  if (actual !== wanted) differences.push(`its flags are 0${actual.toString(8)}, and should be 0${wanted.toString(8)}`);
  if (((flags & O_CLOEXEC) !== 0) !== closeOnExec) differences.push(`close-on-exec is ${!closeOnExec}`);
  if (expected.position !== undefined && position !== BigInt(expected.position)) {
    differences.push(`its position is ${position}, and should be ${expected.position}`);
  }
  // Most need none of the other lines.
  return expected.lines === undefined ? differences : [...differences, ...missingLines(linesOf(info), expected.lines)];
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
