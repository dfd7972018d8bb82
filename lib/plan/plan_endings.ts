import type { Ending } from "./plan.ts";
import type { GroupEnding } from "./plan_groups.ts";
import type { Adoption, BirthDraft } from "./newborn.ts";
import { at } from "./task_tree.ts";

/** The endings, and the subreapers that must not be it before them. */
export interface EndingPlan {
  readonly endings: readonly Ending[];
  readonly lateSubreapers: ReadonlySet<number>;
}

/** What `planEndings` has to know besides the draft. */
export interface EndingOptions {
  readonly joins: readonly GroupEnding[];
  readonly newPidNamespace: boolean;
}

/**
 * What is left to do when all exist: groups are joined while their leaders live; then orphans are made, the adopters
 * from the root down, so that no subreaper further down is one yet; then the other helpers end, and the zombies.
 *
 * Becoming a subreaper so late works because prctl(2) marks the descendants that exist (Linux 4.11).
 */
export function planEndings(draft: BirthDraft, { joins, newPidNamespace }: EndingOptions): EndingPlan {
  const late = subreapersBetween(draft);
  const adoptions = adoptionEndings(draft, { late, newPidNamespace });
  const adopters = new Set(draft.adoptions.map(({ adopter }) => adopter));
  const between = [...late].filter((index) => !adopters.has(index)).sort((a, b) => a - b);
  return {
    endings: [
      ...joins,
      ...adoptions,
      ...between.map((index): Ending => subreaper(draft, index, true)),
      ...otherHelpers(draft),
      ...zombieExits(draft),
    ],
    lateSubreapers: new Set([...late].map((index) => pidOf(draft, index))),
  };
}

/** Indices of the subreapers that would adopt the orphans meant for a task above them. */
function subreapersBetween({ adoptions, newborns, tree }: BirthDraft): Set<number> {
  const between = new Set<number>();
  for (const { adopter, reaper } of adoptions) {
    const isTask = newborns[reaper]?.task !== undefined;
    let index = isTask ? reaper : newborns[reaper]?.maker ?? 0;
    for (; index !== adopter && index > 0; index = at(tree.parents, index)) {
      if (tree.tasks[index]?.childSubreaper) between.add(index);
    }
  }
  return between;
}

function adoptionEndings(
  draft: BirthDraft,
  { late, newPidNamespace }: { late: ReadonlySet<number>; newPidNamespace: boolean },
): Ending[] {
  const { tree } = draft;
  const byAdopter = new Map<number, Adoption[]>();
  for (const adoption of draft.adoptions) {
    const others = byAdopter.get(adoption.adopter);
    if (others === undefined) byAdopter.set(adoption.adopter, [adoption]);
    else others.push(adoption);
  }
  const adopters = [...byAdopter.keys()].sort((a, b) => at(tree.depths, a) - at(tree.depths, b) || a - b);
  return adopters.flatMap((adopter) => {
    const isReaper = tree.tasks[adopter]?.childSubreaper ?? false;
    const adoptsAnyway = newPidNamespace && adopter === 0;
    const exits = (byAdopter.get(adopter) ?? []).flatMap(({ helper, reaper }) => exitAndReap(draft, helper, reaper));
    const on = isReaper ? late.has(adopter) : !adoptsAnyway;
    return [
      ...on ? [subreaper(draft, adopter, true)] : [],
      ...exits,
      ...!isReaper && !adoptsAnyway ? [subreaper(draft, adopter, false)] : [],
    ];
  });
}

function subreaper(draft: BirthDraft, index: number, on: boolean): Ending {
  return { pid: pidOf(draft, index), step: { kind: "set-child-subreaper", on } };
}

function exitAndReap(draft: BirthDraft, helper: number, reaper: number): Ending[] {
  const child = pidOf(draft, helper);
  return [
    { pid: child, step: { kind: "exit", status: 0 } },
    { pid: pidOf(draft, reaper), step: { kind: "reap", child } },
  ];
}

/** Leaders that are gone; those have no children, and their makers are their parents. */
function otherHelpers(draft: BirthDraft): Ending[] {
  const orphaning = new Set(draft.adoptions.map(({ helper }) => helper));
  return draft.newborns.flatMap(({ task, maker }, index) =>
    task === undefined && !orphaning.has(index) ? exitAndReap(draft, index, maker) : []
  );
}

function zombieExits({ tree }: BirthDraft): Ending[] {
  return tree.tasks.filter(({ state }) => state === "zombie")
    .map(({ pid, exitStatus }): Ending => ({ pid, step: { kind: "exit", status: exitStatus } }));
}

function pidOf({ newborns }: BirthDraft, index: number): number {
  return newborns[index]?.pid ?? 0;
}
