import { PAGE_SIZE } from "../model/address_space.ts";
import type { Contents } from "../model/contents.ts";
import type { Descriptor } from "../model/open_file.ts";
import type { TaskState, ThreadState } from "../model/task_state.ts";
import { describeFile, describeSize } from "./describe_file.ts";
import { count, printable } from "./printable.ts";

/** So many files of a task are named when not all are wanted. */
const NAMED_FILES = 8;

/** What a task holds, in a few lines; with `all`, each descriptor on a line of its own. */
export function describeContents(contents: Contents, pid: number, { all }: { readonly all: boolean }): string[] {
  const task = contents.tasks.get(pid);
  if (task === undefined) return [];
  const thread = contents.threads.get(pid);
  return [
    describeMemory(contents, task),
    ...describeFiles(contents, task, all),
    ...thread === undefined ? [] : describeState(task, thread),
  ];
}

function describeMemory({ files }: Contents, { memory }: TaskState): string {
  const pages = memory.pages.reduce((sum, run) => sum + run.count, 0);
  const executable = files.get(memory.executable);
  const what = executable === undefined ? "" : `; runs ${describeFile(executable, { files })}`;
  return `memory: ${describeSize(pages * PAGE_SIZE)} in ${count(memory.mappings.length, "mapping")}${what}`;
}

function describeFiles(contents: Contents, { table }: TaskState, all: boolean): string[] {
  const groups = groupByFile(contents.tables.get(table) ?? []);
  const texts = groups.map(({ file, fds }) => {
    const known = contents.files.get(file);
    return `${fds} ${known === undefined ? `file ${file}` : describeFile(known, contents)}`;
  });
  if (all) return texts.map((text) => `file ${text}`);
  if (texts.length === 0) return ["files: none"];
  const more = texts.length > NAMED_FILES ? [`${texts.length - NAMED_FILES} more`] : [];
  return [`files: ${[...texts.slice(0, NAMED_FILES), ...more].join("; ")}`];
}

/** Descriptors of one open file together, neighbours as a range. */
function groupByFile(descriptors: readonly Descriptor[]): { file: number; fds: string }[] {
  const groups = Map.groupBy(descriptors, ({ file }) => file);
  return [...groups].map(([file, members]) => ({ file, fds: renderRanges(members.map(({ fd }) => fd)) }));
}

/** `"0-2,5"` */
function renderRanges(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(",");
}

function describeState(task: TaskState, thread: ThreadState): string[] {
  const timers = task.timers.posix.length +
    task.timers.intervals.filter(({ left }) => left.some((part) => part !== 0)).length;
  const credentials = thread.credentials;
  const facts = [
    ...credentials === undefined ? [] : [`uid ${credentials.effectiveUid}, gid ${credentials.effectiveGid}`],
    ...credentials?.profile === undefined ? [] : [`profile ${printable(credentials.profile)}`],
    ...thread.registers.isCompat ? ["code of 32 bits"] : [],
    ...some(task.actions.length, "signal action"),
    ...some(task.pendingSignals.length + thread.pendingSignals.length, "pending signal"),
    ...some(timers, "timer"),
    ...thread.seccomp.mode === "disabled" ? [] : [`seccomp ${thread.seccomp.mode}`],
  ];
  return facts.length === 0 ? [] : [`state: ${facts.join(", ")}`];
}

function some(number: number, singular: string): string[] {
  return number === 0 ? [] : [count(number, singular)];
}
