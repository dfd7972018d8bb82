import type { Problem } from "../../errors.ts";
import type { ContentsPlan, TaskContents } from "../../plan/contents/contents_plan.ts";
import type { UserNamespace } from "../../model/namespaces.ts";
import { readText } from "../../sys/files.ts";
import { reading, readingAll, type TaskObserver } from "../verify_tasks.ts";
import { DescriptorComparison } from "./verify_descriptors.ts";
import { MappingComparison } from "./verify_mappings.ts";
import { compareProfile, compareThread, withOutsideIds } from "./verify_thread.ts";

/** Reads what the tasks hold again, and tells what differs from the plan. The tasks must not run meanwhile. */
export function verifyContents(observer: TaskObserver, plan: ContentsPlan): Problem[] {
  const comparisons = { descriptors: new DescriptorComparison(observer.sys, plan), mappings: new MappingComparison() };
  return plan.tasks.flatMap((task) => [
    ...verifyTask(observer, task, comparisons),
    ...verifyThreads(observer, task, plan.namespaces.user),
  ]);
}

function verifyThreads({ sys, hostPid }: TaskObserver, task: TaskContents, user: UserNamespace | undefined): Problem[] {
  return readingAll(`the threads of task ${task.pid}`, () => {
    const directory = `/proc/${hostPid(task.pid)}/task`;
    const tids = task.threads.map(({ tid }) => hostPid(tid));
    const texts = sys.readAll(directory, tids.map((tid) => `${tid}/status`));
    return task.threads.flatMap((thread, index) => {
      const found = [
        ...compareThread(task, withOutsideIds(thread, user), texts[index] ?? ""),
        ...compareProfile(thread, () => readText(sys, `${directory}/${tids[index]}/attr/apparmor/current`)),
      ];
      const where = thread.tid === task.pid ? `task ${task.pid}` : `thread ${thread.tid} of task ${task.pid}`;
      return found.map((what) => ({ where, what }));
    });
  });
}

interface Comparisons {
  readonly descriptors: DescriptorComparison;
  readonly mappings: MappingComparison;
}

function verifyTask(
  { sys, hostPid }: TaskObserver,
  task: TaskContents,
  { descriptors, mappings }: Comparisons,
): Problem[] {
  const directory = `/proc/${hostPid(task.pid)}`;
  return reading(`task ${task.pid}`, () => [
    ...mappings.compare(task.expectedMappings, readText(sys, `${directory}/maps`)),
    ...task.descriptors === undefined ? [] : descriptors.compare(directory, task.descriptors),
    ...descriptors.compareLocks(directory, task.expectedLocks),
    ...LINKS.flatMap(([name, what]) => compareLink(what, task.links[name], () => sys.readLink(`${directory}/${name}`))),
  ]);
}

const LINKS = [["exe", "its executable"], ["cwd", "its working directory"], ["root", "its root directory"]] as const;

function compareLink(what: string, expected: string | undefined, read: () => string): string[] {
  if (expected === undefined) return [];
  const actual = read();
  if (expected === actual) return [];
  return [`${what} is ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`];
}
