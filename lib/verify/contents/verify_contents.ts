import type { Problem } from "../../errors.ts";
import type { ContentsPlan, TaskContents } from "../../plan/contents/contents_plan.ts";
import type { UserNamespace } from "../../model/namespaces.ts";
import { readText } from "../../sys/files.ts";
import { FilesAhead } from "../../sys/files_ahead.ts";
import { reading, readingAll, type TaskObserver } from "../verify_tasks.ts";
import { DescriptorComparison } from "./verify_descriptors.ts";
import { MappingComparison } from "./verify_mappings.ts";
import { compareProfile, compareThread, withOutsideIds } from "./verify_thread.ts";

/** Reads what the tasks hold again, and tells what differs from the plan. The tasks must not run meanwhile. */
export function verifyContents(observer: TaskObserver, plan: ContentsPlan): Problem[] {
  const { sys } = observer;
  const descriptors = new DescriptorComparison(sys, plan, witnessesOf(observer, plan));
  const comparisons = { descriptors, mappings: new MappingComparison() };
  const names = plan.tasks.flatMap((task) => namesOf(observer, task));
  const links = plan.tasks.flatMap((task) => linksOf(observer, task));
  using texts = new FilesAhead(names, sys.readAhead("/proc", names));
  using targets = new FilesAhead(links, sys.readLinksAhead("/proc", links));
  const reader: Reader = {
    ...observer,
    read: (name) => texts.takeText(name) ?? readText(sys, `/proc/${name}`),
    readLink: (name) => targets.takeText(name) ?? sys.readLink(`/proc/${name}`),
  };
  return plan.tasks.flatMap((task) => [
    ...verifyTask(reader, task, comparisons),
    ...verifyThreads(reader, task, plan.namespaces.user),
  ]);
}

/** Directories of /proc of tasks in the net namespaces, where there are several; by their numbers. */
function witnessesOf({ hostPid }: TaskObserver, { namespaces: { nestedNets } }: ContentsPlan): string[] {
  return nestedNets?.namespaces.map(({ witness }) => `/proc/${hostPid(witness)}`) ?? [];
}

/** Reads what is in /proc, by its name there. */
interface Reader extends TaskObserver {
  readonly read: (name: string) => string;
  readonly readLink: (name: string) => string;
}

/** The files that tell of a task, in the order in which they are looked at. */
function namesOf({ hostPid }: TaskObserver, { pid, threads }: TaskContents): string[] {
  const directory = hostPid(pid);
  return [`${directory}/maps`, ...threads.map(({ tid }) => `${directory}/task/${hostPid(tid)}/status`)];
}

function linksOf({ hostPid }: TaskObserver, { pid, links }: TaskContents): string[] {
  return LINKS.flatMap(([name]) => links[name] === undefined ? [] : [`${hostPid(pid)}/${name}`]);
}

function verifyThreads({ sys, hostPid, read }: Reader, task: TaskContents, user: UserNamespace | undefined): Problem[] {
  return readingAll(`the threads of task ${task.pid}`, () => (
    task.threads.flatMap((thread) => {
      const directory = `${hostPid(task.pid)}/task/${hostPid(thread.tid)}`;
      const found = [
        ...compareThread(task, withOutsideIds(thread, user), read(`${directory}/status`)),
        ...compareProfile(thread, () => readText(sys, `/proc/${directory}/attr/apparmor/current`)),
      ];
      const where = thread.tid === task.pid ? `task ${task.pid}` : `thread ${thread.tid} of task ${task.pid}`;
      return found.map((what) => ({ where, what }));
    })
  ));
}

interface Comparisons {
  readonly descriptors: DescriptorComparison;
  readonly mappings: MappingComparison;
}

function verifyTask(
  { hostPid, read, readLink }: Reader,
  task: TaskContents,
  { descriptors, mappings }: Comparisons,
): Problem[] {
  const name = hostPid(task.pid);
  const directory = `/proc/${name}`;
  return reading(`task ${task.pid}`, () => [
    ...mappings.compare(task.expectedMappings, read(`${name}/maps`)),
    ...task.descriptors === undefined ? [] : descriptors.compare(directory, task.descriptors),
    ...descriptors.compareLocks(directory, task.expectedLocks),
    ...LINKS.flatMap(([link, what]) => compareLink(what, task.links[link], () => readLink(`${name}/${link}`))),
  ]);
}

const LINKS = [["exe", "its executable"], ["cwd", "its working directory"], ["root", "its root directory"]] as const;

function compareLink(what: string, expected: string | undefined, read: () => string): string[] {
  if (expected === undefined) return [];
  const actual = read();
  if (expected === actual) return [];
  return [`${what} is ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`];
}
