/**
 * Restores in which something fails, in this process or, with `restoreAsChild`, in one that this starts: as a program,
 * this reads a question from each line of its input, and answers with a line.
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { run } from "../../../lib/cli/run.ts";
import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";
import { type Faults, FaultySys } from "../../support/faulty_sys.ts";
import { isYardOfCriu } from "../../support/kernel_state.ts";
import { ownDevices } from "./own_bridge.ts";

export interface Attempt {
  readonly status: number;
  /** What was told on standard error. */
  readonly output: string;
  /** Names of the calls made. */
  readonly calls: readonly string[];
  /** How many remote system calls there were. */
  readonly remoteCalls: number;
}

/** What could be left of an attempt in the process that has made it, and around that: a line for each thing. */
export type Traces = readonly string[];

/** What there is beyond what there was: the runtime closes descriptors of programs that it has run at any time. */
export function whatIsNew(before: Traces, after: Traces): string[] {
  const left = [...before];
  return after.filter((trace) => {
    const index = left.indexOf(trace);
    if (index !== -1) left.splice(index, 1);
    return index === -1;
  });
}

/** Who restores. */
export interface Restorer {
  /** With the options `args`. */
  attempt(faults: Faults, args: readonly string[]): Promise<Attempt>;
  traces(): Promise<Traces>;
}

/** Restores in this process. */
export const restoreHere: Restorer = {
  attempt: (faults, args) => Promise.resolve(attemptRestore(faults, args)),
  traces: () => Promise.resolve(findTraces()),
};

/**
 * Restores in a child of this process, whose siblings are children of this one as well; ends when it is disposed.
 *
 * @param through a program that starts another one in its place
 */
export async function restoreAsChild(through: readonly string[] = []): Promise<Restorer & AsyncDisposable> {
  const program = [Deno.execPath(), "run", "-A", "--no-check", new URL(import.meta.url).pathname];
  const [command = "", ...args] = [...through, ...program];
  const env = { ...Deno.env.toObject(), DENO_NO_UPDATE_CHECK: "1" };
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<string>((resolve) => child.on("exit", (code, signal) => resolve(`${code} ${signal}`)));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (question: Question) => {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error(`Who restores has ended at ${JSON.stringify(question)}: ${await ended}`);
    return JSON.parse(value);
  };
  // It has its pid now.
  await ask({});
  return {
    attempt: (faults, args) => ask({ faults, args }),
    traces: () => ask({}),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

/** Without `args`, a question for traces. */
interface Question {
  readonly faults?: Faults;
  readonly args?: readonly string[];
}

function attemptRestore(faults: Faults, args: readonly string[]): Attempt {
  let output = "";
  const faulty = new FaultySys(openLinuxSys(), faults);
  const status = run(["restore", ...args], {
    openSys: () => faulty.sys,
    calledAs: () => "cgrestore",
    output: { out: () => {}, err: (text) => output += text, isTerminal: false, noColor: true },
  });
  return { status, output, calls: faulty.calls, remoteCalls: faulty.remoteCalls };
}

function findTraces(): Traces {
  const mounts = Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .filter((line) => line.includes("cgyard") && !isYardOfCriu(line));
  const children = Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`).split(" ").filter((pid) => pid !== "");
  return [
    ...ownDevices().map((name) => `device ${name}`),
    ...[...Deno.readDirSync("/dev/pts")].map(({ name }) => `terminal ${name}`),
    ...linksOf("/proc/self/fd").filter((link) => !CACHE.test(link)).map((link) => `descriptor ${link}`),
    ...mounts,
    ...children.map((pid) => `child ${pid}`),
  ];
}

/** Deno opens and closes its caches when it likes. */
const CACHE = /_cache_v\d+(-wal|-shm)?$/;

function linksOf(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name }) => {
    try {
      return [Deno.readLinkSync(`${directory}/${name}`)];
    } catch (error) {
      // The directory itself, which has been read.
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  });
}

if (import.meta.main) {
  // The runtime's thread for signals has sockets, and would start some time later: no trace of an attempt.
  Deno.addSignalListener("SIGWINCH", () => {});
  for await (const line of createInterface({ input: process.stdin })) {
    const { faults = {}, args }: Question = JSON.parse(line);
    console.log(JSON.stringify(args === undefined ? findTraces() : attemptRestore(faults, args)));
  }
}
