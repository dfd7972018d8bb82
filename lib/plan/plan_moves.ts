import type { Problem } from "../errors.ts";
import type { Hierarchy, Host } from "../host/host.ts";
import { type HierarchyName, UNIFIED } from "../model/hierarchy.ts";
import { type Closure, findClosedPlaces } from "./closed_places.ts";
import { birthsOf } from "./plan_births.ts";
import type { Newborn } from "./newborn.ts";
import { orderBirths } from "./order_births.ts";
import type { Attach, Entrance, LateMove, TaskStep } from "./plan.ts";
import { chooseGoodPlace, type GoodPlaces, NO_GOAL, planWalk, type WalkProblem } from "./plan_walk.ts";
import { findHomes, type Homes, OWN_PATH, OWN_PLACE, type SetPlaces } from "./task_places.ts";

/** First kernel with CLONE_INTO_CGROUP. */
const INTO_KERNEL = [5, 7] as const;

/** Births and moves of one newborn, in order. */
export interface Itinerary {
  /** Before its turn. */
  readonly before: readonly TaskStep[];
  /** After its turn, up to where it stays. */
  readonly after: readonly TaskStep[];
  /** After its threads are made: into cgroups that would refuse their births. */
  readonly last: readonly TaskStep[];
  /** By thread: where it differs from its leader. */
  readonly threads: readonly (readonly Attach[])[];
}

/** Where everybody goes, and on which way. */
export interface MovePlan {
  readonly homes: Homes;
  /** Indices of the newborns as the plan lists them: each maker before all it makes. */
  readonly order: readonly number[];
  /** What the root does to enter its cgroup namespace. */
  readonly enterNamespace: readonly Attach[];
  readonly itineraries: readonly Itinerary[];
  readonly lateMoves: readonly LateMove[];
  /** By place: absent for one that is cgrestore's own in these respects, and for one where nobody would go on. */
  readonly entrances: ReadonlyMap<number, Entrance>;
  readonly problems: readonly Problem[];
}

/** What `planMoves` has to know besides the newborns. */
export interface MoveOptions {
  readonly host: Host;
  readonly ownSet: number | undefined;
  readonly places: SetPlaces;
  readonly namespaceRoot?: ReadonlyMap<HierarchyName, string> | undefined;
  /** Whether nobody is moved at all. */
  readonly isIgnored: boolean;
  /** Pids of those whose memory is restored before they make others: at home, where it is to be charged. */
  readonly fillers: ReadonlySet<number>;
  /** Whether the root puts something in memory before it makes others: at home as well. */
  readonly rootFillsNamespaces: boolean;
  /** As for tasks. */
  readonly entersUserNamespace?: boolean | undefined;
}

/**
 * Plans the fewest writes that get all newborns home, hierarchy by hierarchy, and the order of births with them: those
 * who fill something are at home first, whatever that takes.
 */
export function planMoves(newborns: readonly Newborn[], options: MoveOptions): MovePlan {
  const unordered = birthsOf(newborns);
  const makersFirst = preorder(unordered);
  const hierarchies = options.isIgnored ? [] : options.host.hierarchies;
  const homes = findHomes(newborns, { ...options, hierarchies: options.host.hierarchies, order: makersFirst });
  const canBeInto = !isOlder(options.host.kernel, INTO_KERNEL) && options.entersUserNamespace !== true;
  const lanes = hierarchies.flatMap((hierarchy, number) =>
    buildLane(newborns, { homes, hierarchy, number, canBeInto }) ?? []
  );
  const walked = lanes.filter(({ isInto }) => !isInto);
  const births = orderBirths(newborns, {
    homes,
    births: unordered,
    order: makersFirst,
    walked: walked.map(({ number }) => number),
  });
  const order = preorder(births);
  const homeFirst = findHomeFirst(newborns, { ...options, homes, lanes });
  planWalks(walked, { births, order, fixed: (index) => homeFirst.has(index) });
  const travel: Travel = { newborns, births, homes, lanes, homeFirst, ...options, lateMoves: [], problems: [] };
  const enterNamespace = lanes.flatMap((lane) => enterStart(travel, lane));
  const itineraries: Itinerary[] = [];
  for (const index of order) itineraries[index] = planItinerary(travel, index);
  const { lateMoves, problems } = travel;
  return { homes, order, enterNamespace, itineraries, lateMoves, entrances: planEntrances(homes, lanes), problems };
}

/** How one more process gets into each place; there may be one in each at the same time. */
function planEntrances({ table }: Homes, lanes: readonly Lane[]): Map<number, Entrance> {
  const entrances = new Map<number, Entrance>();
  for (const [place, row] of table.rows.entries()) {
    const ways = lanes.filter((lane) => chargesMemory(lane) && row[lane.number] !== OWN_PATH).map((lane) => {
      const number = row[lane.number] ?? OWN_PATH;
      return { lane, number, path: lane.paths[number] ?? "/" };
    });
    if (ways.length === 0 || ways.some(({ lane, path }) => lane.closed.get(path) === "frozen")) continue;
    const born = ways.find(({ lane, path }) => lane.isInto && !lane.crowded.has(path));
    const moves = ways.filter((way) => way !== born).map(({ lane, number }) => attach(lane, number));
    entrances.set(place, { ...born === undefined ? {} : { into: born.path }, moves });
  }
  return entrances;
}

/** Indices of those who fill something, and can be at home first: a closed home lets nobody in until the end. */
function findHomeFirst(
  newborns: readonly Newborn[],
  { fillers, rootFillsNamespaces, homes, lanes }:
    & Pick<MoveOptions, "fillers" | "rootFillsNamespaces">
    & Pick<Travel, "homes" | "lanes">,
): Set<number> {
  const memory = lanes.filter(chargesMemory);
  const isOpen = (index: number) => {
    const row = homes.table.rows[homes.homes[index] ?? OWN_PLACE];
    return memory.every((lane) => !lane.closed.has(lane.paths[row?.[lane.number] ?? 0] ?? "/"));
  };
  const fills = (index: number) => fillers.has(newborns[index]?.pid ?? 0) || index === 0 && rootFillsNamespaces;
  return new Set(newborns.keys().filter((index) => fills(index) && isOpen(index)));
}

/** Hierarchies often divide the tasks alike; then one answer serves all. */
function planWalks(
  lanes: readonly Lane[],
  { fixed, ...problem }: Omit<WalkProblem, "goals"> & Required<Pick<WalkProblem, "fixed">>,
): void {
  lanes.forEach((lane, position) => {
    const isAlike = (other: Lane) => other.goals.every((goal, index) => goal === lane.goals[index]);
    const alike = lanes.slice(0, position).find((other) => !chargesMemory(other) && isAlike(other));
    if (chargesMemory(lane)) lane.before = planWalk({ ...problem, goals: lane.goals, fixed });
    else lane.before = alike?.before ?? planWalk({ ...problem, goals: lane.goals });
  });
}

/** Whether memory is charged to the cgroups of a hierarchy. */
function chargesMemory({ hierarchy: { name } }: Lane): boolean {
  return name === UNIFIED || name.split(",").includes("memory");
}

/** Indices depth first: a maker, then each it makes with all that follows from it. */
function preorder(births: readonly (readonly number[])[]): number[] {
  const order: number[] = [];
  const stack = [0];
  for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
    order.push(index);
    for (const child of births[index]?.toReversed() ?? []) stack.push(child);
  }
  return order;
}

/** One hierarchy in which there is something to move. Paths are numbers in `paths`. */
interface Lane {
  readonly hierarchy: Hierarchy;
  /** Index in `Host.hierarchies`. */
  readonly number: number;
  readonly paths: readonly string[];
  /** Whether tasks are created in their place, so that makers need not walk. */
  readonly isInto: boolean;
  readonly closed: ReadonlyMap<string, Closure>;
  /** Those that would be closed with one more process in each place. */
  readonly crowded: ReadonlyMap<string, Closure>;
  /** Homes to walk to; `NO_GOAL` also for homes that are closed. */
  readonly goals: Int32Array;
  /** Good places of the maker before each birth. */
  before: readonly GoodPlaces[];
  /** Where each newborn is, as far as it is planned. */
  readonly at: Int32Array;
}

interface Travel extends Pick<MoveOptions, "fillers" | "rootFillsNamespaces"> {
  readonly newborns: readonly Newborn[];
  readonly births: readonly (readonly number[])[];
  readonly homes: Homes;
  readonly lanes: readonly Lane[];
  /** Indices of those who go home first of all, where memory is charged. */
  readonly homeFirst: ReadonlySet<number>;
  readonly lateMoves: LateMove[];
  readonly problems: Problem[];
}

/** Absent when everyone belongs where cgrestore is. */
function buildLane(
  newborns: readonly Newborn[],
  { homes, hierarchy, number, canBeInto }: { homes: Homes; hierarchy: Hierarchy; number: number; canBeInto: boolean },
): Lane | undefined {
  const { table } = homes;
  const paths = table.paths[number] ?? [];
  if (paths.length === 1) return undefined;
  const threads = new Map<string, number>();
  const pathOf = (place: number) => table.rows[place]?.[number] ?? 0;
  const count = (place: number, more: number) => {
    const path = paths[pathOf(place)] ?? "/";
    threads.set(path, (threads.get(path) ?? 0) + more);
  };
  for (const home of homes.homes) if (home !== undefined) count(home, 0);
  for (const place of homes.threads.flat()) count(place, 1);
  const processes = newborns.length;
  const closed = findClosedPlaces(hierarchy, { threads, processes });
  const goals = Int32Array.from(homes.homes, (home) => {
    const path = home === undefined ? NO_GOAL : pathOf(home);
    return closed.has(paths[path] ?? "") ? NO_GOAL : path;
  });
  return {
    hierarchy,
    number,
    paths,
    isInto: hierarchy.version === 2 && canBeInto,
    closed,
    crowded: findClosedPlaces(hierarchy, { threads, processes: processes + table.rows.length }),
    goals,
    before: [],
    at: new Int32Array(newborns.length),
  };
}

function isOlder(kernel: readonly [number, number], than: readonly [number, number]): boolean {
  return kernel[0] < than[0] || kernel[0] === than[0] && kernel[1] < than[1];
}

/** The root is born with cgrestore, and goes where its namespace is made. */
function enterStart({ homes, problems }: Travel, lane: Lane): Attach[] {
  const row = (place: number) => homes.table.rows[place]?.[lane.number] ?? 0;
  lane.at[0] = row(homes.start);
  if (row(homes.start) === row(OWN_PLACE)) return [];
  const path = lane.paths[row(homes.start)] ?? "/";
  if (lane.closed.get(path) === "frozen") {
    problems.push({ where: "cgroup namespace", what: `its root ${JSON.stringify(path)} is frozen: thaw it first` });
  }
  return [attach(lane, row(homes.start))];
}

function attach(lane: Lane, path: number, file: Attach["file"] = "cgroup.procs"): Attach {
  return { kind: "attach", hierarchy: lane.hierarchy.name, path: lane.paths[path] ?? "/", file };
}

function planItinerary(travel: Travel, index: number): Itinerary {
  const before: TaskStep[] = [];
  const after: TaskStep[] = [];
  const goesHome = travel.homeFirst.has(index);
  for (const lane of travel.lanes) {
    if (lane.isInto || goesHome && chargesMemory(lane)) {
      before.push(...walkTo(lane, index, lane.goals[index] ?? NO_GOAL));
    }
  }
  if (index === 0 && travel.rootFillsNamespaces) before.push({ kind: "fill-namespaces" });
  if (goesHome && travel.fillers.has(travel.newborns[index]?.pid ?? 0)) before.push({ kind: "restore-memory" });
  for (const child of travel.births[index] ?? []) {
    const steps = travel.newborns[child]?.when === "before" ? before : after;
    for (const lane of travel.lanes) steps.push(...walkForBirth(lane, index, child));
    steps.push(bear(travel, index, child));
  }
  const last: TaskStep[] = [];
  for (const lane of travel.lanes) {
    after.push(...walkTo(lane, index, lane.goals[index] ?? NO_GOAL));
    const way = enterClosed(travel, lane, index);
    (way.afterThreads ? last : after).push(...way.steps);
  }
  return { before, after, last, threads: threadMoves(travel, index) };
}

function walkTo(lane: Lane, index: number, path: number): Attach[] {
  if (path === NO_GOAL || lane.at[index] === path) return [];
  lane.at[index] = path;
  return [attach(lane, path)];
}

function walkForBirth(lane: Lane, index: number, child: number): Attach[] {
  if (lane.isInto) return [];
  const good = lane.before[child] ?? "anywhere";
  return walkTo(lane, index, chooseGoodPlace(good, lane.at[index] ?? 0, lane.goals[child] ?? NO_GOAL));
}

function bear({ newborns, lanes }: Travel, index: number, child: number): TaskStep {
  const newborn = newborns[child];
  const step = { kind: "create-task", pid: newborn?.pid ?? 0, as: newborn?.as ?? "child" } as const;
  let into: string | undefined;
  for (const lane of lanes) {
    const from = lane.at[index] ?? 0;
    const goal = lane.goals[child] ?? NO_GOAL;
    const isInto = lane.isInto && goal !== NO_GOAL && goal !== from;
    lane.at[child] = isInto ? goal : from;
    if (isInto) into = lane.paths[goal];
  }
  return into === undefined ? step : { ...step, into };
}

/** The way into a home that is closed, as the last thing done in that hierarchy. */
function enterClosed(travel: Travel, lane: Lane, index: number): { steps: Attach[]; afterThreads: boolean } {
  const { homes, newborns, lateMoves, problems } = travel;
  const home = homes.homes[index];
  const number = home === undefined ? NO_GOAL : homes.table.rows[home]?.[lane.number] ?? 0;
  const path = lane.paths[number];
  const closure = path === undefined ? undefined : lane.closed.get(path);
  const pid = newborns[index]?.pid ?? 0;
  const others = homes.threads[index]?.filter((place) => homes.table.rows[place]?.[lane.number] !== number) ?? [];
  const frozen = others.map((place) => lane.paths[homes.table.rows[place]?.[lane.number] ?? 0] ?? "/")
    .find((other) => lane.closed.get(other) === "frozen");
  if (frozen !== undefined || closure === "frozen" && others.length > 0) {
    const what = `has threads in several cgroups, of which ${JSON.stringify(frozen ?? path)} is frozen: thaw it first`;
    problems.push({ where: `task ${pid}`, what });
  }
  if (path === undefined || closure === undefined || lane.at[index] === number) {
    return { steps: [], afterThreads: false };
  }
  if (closure === "frozen") {
    lateMoves.push({ pid, hierarchy: lane.hierarchy.name, path });
    return { steps: [], afterThreads: false };
  }
  return { steps: walkTo(lane, index, number), afterThreads: closure === "full" && others.length === 0 };
}

function threadMoves({ homes, lanes }: Travel, index: number): Attach[][] {
  const home = homes.table.rows[homes.homes[index] ?? OWN_PLACE];
  return (homes.threads[index] ?? []).map((place) => {
    const row = homes.table.rows[place];
    return lanes.flatMap((lane) => {
      const path = row?.[lane.number] ?? 0;
      if (path === home?.[lane.number]) return [];
      return [attach(lane, path, lane.hierarchy.version === 1 ? "tasks" : "cgroup.threads")];
    });
  });
}
