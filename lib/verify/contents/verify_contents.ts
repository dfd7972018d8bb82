import type { Problem } from "../../errors.ts";
import type { ContentsPlan, TaskContents } from "../../plan/contents/contents_plan.ts";
import { readText } from "../../sys/files.ts";
import { reading, type TaskObserver } from "../verify_tasks.ts";
import { parseStat } from "../parse_stat.ts";
import { DescriptorComparison } from "./verify_descriptors.ts";
import { compareMappings } from "./verify_mappings.ts";
import { compareThread } from "./verify_thread.ts";

/** Reads what the tasks hold again, and tells what differs from the plan. The tasks must not run meanwhile. */
export function verifyContents(observer: TaskObserver, plan: ContentsPlan): Problem[] {
  const descriptors = new DescriptorComparison(observer.sys, plan);
  return plan.tasks.flatMap((task) => [
    ...verifyTask(observer, task, descriptors),
    ...verifyTerminal(observer, task, plan),
    ...task.threads.flatMap((thread) => (
      reading(thread.tid === task.pid ? `task ${task.pid}` : `thread ${thread.tid} of task ${task.pid}`, () => {
        const directory = `/proc/${observer.hostPid(task.pid)}/task/${observer.hostPid(thread.tid)}`;
        return compareThread(task, thread, readText(observer.sys, `${directory}/status`));
      })
    )),
  ]);
}

function verifyTask({ sys, hostPid }: TaskObserver, task: TaskContents, descriptors: DescriptorComparison): Problem[] {
  const directory = `/proc/${hostPid(task.pid)}`;
  return reading(`task ${task.pid}`, () => [
    ...compareMappings(task.expectedMappings, readText(sys, `${directory}/maps`)),
    ...task.descriptors === undefined ? [] : descriptors.compare(directory, task.descriptors),
    ...descriptors.compareLocks(directory, task.expectedLocks),
    ...LINKS.flatMap(([name, what]) => compareLink(what, task.links[name], () => sys.readLink(`${directory}/${name}`))),
  ]);
}

/** The terminal that controls a task's session, where the plan knows it. */
function verifyTerminal({ sys, hostPid }: TaskObserver, { pid }: TaskContents, { terminals }: ContentsPlan): Problem[] {
  const expected = terminals.expected.get(pid);
  if (expected === undefined) return [];
  return reading(`task ${pid}`, () => {
    const { terminal, foreground } = parseStat(readText(sys, `/proc/${hostPid(pid)}/stat`));
    if (terminal !== expected.device) {
      return [`its terminal is ${terminal.toString(16)}, and should be ${expected.device.toString(16)}`];
    }
    const wanted = expected.foreground === undefined ? -1 : hostPid(expected.foreground);
    if (foreground === wanted) return [];
    return [`in the foreground of its terminal is ${foreground}, and should be ${wanted}`];
  });
}

const LINKS = [["exe", "its executable"], ["cwd", "its working directory"], ["root", "its root directory"]] as const;

function compareLink(what: string, expected: string | undefined, read: () => string): string[] {
  if (expected === undefined) return [];
  const actual = read();
  if (expected === actual) return [];
  return [`${what} is ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`];
}
