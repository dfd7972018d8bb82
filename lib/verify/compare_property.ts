/**
 * Whether a file of a cgroup says what was to be restored, although it may say it in other words.
 *
 * @param file name of the file that was read
 * @param expected the value of the checkpoint
 * @param actual what the kernel says, without its final newline
 */
export function compareProperty(file: string, expected: string, actual: string): boolean {
  const compare = COMPARISONS[file] ?? sameText;
  return compare(expected.trim(), actual.trim());
}

type Comparison = (expected: string, actual: string) => boolean;

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  "cgroup.subtree_control": containsWords,
  "cpuset.cpus": sameNumbers,
  "cpuset.mems": sameNumbers,
  "devices.list": sameLines,
  "net_prio.ifpriomap": containsLines,
  "memory.oom_control": sameFirstNumber,
  "freezer.state": (expected, actual) => expected === actual || (expected === "FROZEN" && actual === "FREEZING"),
};

/** No limit on v1: the greatest multiple of the page size that a page counter holds, or -1. */
const UNLIMITED = new Set(["-1", "max", "9223372036854771712", "9223372036854775807"]);

function sameText(expected: string, actual: string): boolean {
  return expected === actual || (UNLIMITED.has(expected) && UNLIMITED.has(actual));
}

function containsWords(expected: string, actual: string): boolean {
  const words = new Set(actual.split(/\s+/));
  return expected.split(/\s+/).every((word) => word === "" || words.has(word));
}

function sameLines(expected: string, actual: string): boolean {
  return sortedLines(expected).join("\n") === sortedLines(actual).join("\n");
}

function containsLines(expected: string, actual: string): boolean {
  const lines = new Set(sortedLines(actual));
  return sortedLines(expected).every((line) => lines.has(line) || / 0$/.test(line));
}

function sortedLines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "").sort();
}

/** `memory.oom_control` is written as a number, and read as three lines; CRIU keeps the number. */
function sameFirstNumber(expected: string, actual: string): boolean {
  return /\d+/.exec(expected)?.[0] === /\d+/.exec(actual)?.[0];
}

/** Lists of numbers, `0-3,7`, that mean the same set (cpuset(7), "List format"). */
function sameNumbers(expected: string, actual: string): boolean {
  return [...numbersIn(expected)].sort().join() === [...numbersIn(actual)].sort().join();
}

function numbersIn(list: string): Set<number> {
  const numbers = new Set<number>();
  for (const part of list.split(",").filter((part) => part !== "")) {
    const [first, last] = part.split("-").map(Number);
    for (let n = first ?? 0; n <= (last ?? first ?? 0); n++) numbers.add(n);
  }
  return numbers;
}
