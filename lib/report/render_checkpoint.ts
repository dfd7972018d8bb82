import type { CgroupSet, Checkpoint, DumpedCgroup, Task, Thread } from "../model/checkpoint.ts";
import { describeHierarchy } from "../model/hierarchy.ts";
import { describeContents } from "./describe_contents.ts";
import { describeTask, describeThreads } from "./describe_task.ts";
import { count, printable, printableValue } from "./printable.ts";
import { describePermissions } from "./render_cgroup_steps.ts";
import { describeNamespaces } from "./describe_namespaces.ts";
import { makeStyle, type Style } from "./style.ts";
import { renderTree } from "./tree.ts";

/** Verbosity from which on directories and properties are listed. */
const PROPERTIES_FROM = 3;

/** What a checkpoint holds, for people. */
export function renderCheckpoint(
  checkpoint: Checkpoint,
  options: { readonly color: boolean; readonly verbosity: number },
): string {
  const style = makeStyle(options.color);
  const sections: [string, string[]][] = [
    ["Tasks", renderTasks(checkpoint, { style, all: options.verbosity >= PROPERTIES_FROM })],
    ["Cgroup sets", [...checkpoint.sets.values()].sort((a, b) => a.id - b.id).flatMap(renderSet)],
  ];
  if (options.verbosity >= PROPERTIES_FROM) sections.push(["Cgroups", renderCgroups(checkpoint, style)]);
  const texts = sections.filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [style.bold(title), ...lines].join("\n"));
  return [renderSummary(checkpoint, options.verbosity), ...texts].join("\n\n") + "\n";
}

function renderSummary(checkpoint: Checkpoint, verbosity: number): string {
  const threads = checkpoint.tasks.reduce((sum, task) => sum + task.threads.length, 0);
  const version = checkpoint.imageVersion === 1 ? "1" : "1.1";
  const tasks = count(checkpoint.tasks.length, "task") + describeThreads(threads);
  const lines = [
    `${tasks}; image version ${version}, ${checkpoint.architecture}`,
    summarizeCgroups(checkpoint, verbosity),
  ];
  if (checkpoint.namespaces.size > 0) lines.push(`Namespaces: ${[...checkpoint.namespaces].sort().join(", ")}`);
  const { externalPidNamespace: pids } = checkpoint;
  if (pids !== undefined) lines.push(`  pid: external, "${printable(pids)}"`);
  lines.push(...describeNamespaces(checkpoint.contents?.namespaces ?? {}).map((line) => `  ${line}`));
  return lines.join("\n");
}

function summarizeCgroups({ sets, controllers, ownSet }: Checkpoint, verbosity: number): string {
  if (sets.size === 0 && controllers.length === 0) return "No cgroups: every task stays where it is born";
  const directories = controllers.flatMap((controller) => controller.directories);
  const properties = directories.reduce((sum, directory) => sum + directory.properties.length, 0);
  const own = ownSet === undefined ? "" : `, set ${ownSet} was that of the dumping CRIU`;
  const hint = properties > 0 && verbosity < PROPERTIES_FROM ? " (-v lists them)" : "";
  return `${count(sets.size, "cgroup set")}${own}; ${count(directories.length, "cgroup")} in ${
    count(controllers.length, "hierarchy", "hierarchies")
  } with ${count(properties, "property", "properties")}${hint}`;
}

function renderTasks(
  { tasks, contents }: Checkpoint,
  { style, all }: { readonly style: Style; readonly all: boolean },
): string[] {
  const held = ({ pid }: Task) => contents === undefined ? [] : describeContents(contents, pid, { all });
  const pids = new Set(tasks.map(({ pid }) => pid));
  const children = Map.groupBy(tasks, ({ parent }) => parent);
  const roots = tasks.filter(({ parent }) => !pids.has(parent));
  const lines = renderTree(roots, {
    childrenOf: ({ pid }) => children.get(pid) ?? [],
    describe: (task) => ({
      line: renderTask(task, style),
      details: [...elsewhere(task).map(renderThread), ...held(task).map(style.dim)],
    }),
  });
  return lines.map((line) => `  ${line}`);
}

function renderTask(task: Task, style: Style): string {
  const set = task.set === undefined ? "" : `, set ${task.set}`;
  const reaper = task.childSubreaper ? ", child subreaper" : "";
  const name = style.bold(`${task.pid} ${printable(task.comm)}`);
  return `${name}  ${describeTask(task)}${set}${describeThreads(task.threads.length)}${reaper}`;
}

/** The threads that are in another set than their leader. */
function elsewhere(task: Task): Thread[] {
  return task.threads.filter(({ set }) => set !== undefined && set !== task.set);
}

function renderThread({ tid, comm, set }: Thread): string {
  return `thread ${tid} ${printable(comm)}, set ${set}`;
}

/** A set with its hierarchies gathered by path: most sets have one path in all of them. */
function renderSet({ id, members }: CgroupSet): string[] {
  const byPlace = Map.groupBy(members, ({ path, namespaceRoot }) => {
    const outside = namespaceRoot === undefined ? "" : `  (its cgroup namespace begins at ${printable(namespaceRoot)})`;
    return printable(path) + outside;
  });
  const lines = [...byPlace].map(([place, inPlace]) => {
    const names = inPlace.map(({ hierarchy }) => printable(describeHierarchy(hierarchy)));
    return `    ${place}  in ${names.join(" ")}`;
  });
  return [`  set ${id}`, ...lines];
}

function renderCgroups({ controllers }: Checkpoint, style: Style): string[] {
  return controllers.flatMap(({ hierarchy, directories }) =>
    directories.flatMap((directory) => [
      `  ${style.bold(printable(`${describeHierarchy(hierarchy)}:${directory.path}`))}`,
      ...renderDirectory(directory),
    ])
  );
}

function renderDirectory({ permissions, properties }: DumpedCgroup): string[] {
  const own = permissions === undefined ? [] : [`    ${describePermissions(permissions)}`];
  return [
    ...own,
    ...properties.map(({ name, value, permissions: own }) =>
      `    ${printable(name)} = ${printableValue(value)}${own === undefined ? "" : `  (${describePermissions(own)})`}`
    ),
  ];
}
