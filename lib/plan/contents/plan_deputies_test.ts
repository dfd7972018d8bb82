import { deepEqual as assertEquals } from "node:assert/strict";
import { ghostFile } from "../../../tests/support/plan_files.ts";
import type { Entrance, ExpectedTask } from "../plan.ts";
import type { FileStep } from "./file_step.ts";
import type { GhostStep } from "./files/plan_ghost.ts";
import type { InetSocketPlan } from "./files/plan_inet_socket.ts";
import { assignDeputies } from "./plan_deputies.ts";

const FIRST: Entrance = { into: "/first", moves: [] };
const SECOND: Entrance = { moves: [{ kind: "attach", hierarchy: "memory", path: "/second", file: "cgroup.procs" }] };

/** Three tasks: cgrestore's own place is that of 70, the others are in two cgroups. */
const TASKS = [[70, 0], [71, 1], [72, 2]].map(([pid, place]) => ({ pid, place }) as ExpectedTask);

function pipe(bytes: string, ...handles: readonly number[]): FileStep {
  const ends = handles.map((handle) => ({ handle, flags: 0 }));
  return { kind: "make-pipe", what: "a pipe", ends, bytes: new TextEncoder().encode(bytes), capacity: undefined };
}

function packet(handle: number): FileStep {
  return { kind: "make-packet-socket", what: "a socket", handle } as FileStep;
}

function sockets(...handles: readonly number[]): FileStep {
  return {
    kind: "make-inet-sockets",
    what: "sockets",
    sockets: handles.map((handle) => ({ handle }) as InetSocketPlan),
  };
}

function connection(handle: number): FileStep {
  return { kind: "make-connection", what: "a connection", handle } as FileStep;
}

function written(handle: number): FileStep {
  return { kind: "write", what: "a memfd", handle, content: [] };
}

function ghost(size: number, handles: readonly number[], ...inside: readonly GhostStep[]): GhostStep {
  const openings = handles.map((handle) => ({ handle, flags: 0, path: "/gone" }));
  const content = { path: "/images/ghost", parts: size === 0 ? [] : [{ position: 0, offset: 0, length: size }] };
  return { kind: "make-ghost", what: "/gone", ghost: ghostFile({ size, content }), names: [], openings, inside };
}

function fifo(bytes: string, keeper: number, ...ends: readonly number[]): FileStep {
  const content = { bytes: new TextEncoder().encode(bytes), capacity: undefined };
  return { kind: "fill-pipe", what: "a FIFO", handle: keeper, ends, ...content };
}

function reopen(handle: number, from: number): FileStep {
  return { kind: "reopen", what: "a memfd", handle, from, flags: 0 };
}

const PLAIN: FileStep = { kind: "open-path", what: "/a", handle: 3, flags: 0, path: "/a" };

/** The handles 1, 2 and 3 are of the tasks in that order; 4 is of the last two, 5 of nobody. */
const HELD = [[70, [1]], [71, [2, 4]], [72, [3, 4]]] as const;

const CASES:
  readonly (readonly [what: string, steps: readonly FileStep[], deputies: readonly (number | undefined)[]])[] = [
    ["sockets of each task", [sockets(1), packet(2), connection(3)], [undefined, 0, 1]],
    ["one that two tasks hold is of the first", [sockets(4)], [0]],
    ["several that are made together are of the first that somebody holds", [sockets(5, 3, 2)], [0]],
    ["what nobody holds is of the root task", [connection(5), written(5)], [undefined, undefined]],
    ["content of files in memory", [written(3), ghost(7, [5, 2]), ghost(0, [2])], [0, 1, undefined]],
    ["what is in a directory without a name", [ghost(0, [2], ghost(0, []), ghost(0, [5], ghost(7, [3])))], [0]],
    ["what is opened once more", [written(6), reopen(3, 6), reopen(2, 6)], [0, undefined, undefined]],
    ["a FIFO with bytes in it", [fifo("x", 5, 3), fifo("", 5, 3)], [0, undefined]],
    ["a pipe with bytes in it", [pipe("x", 5, 2), pipe("", 2)], [0, undefined]],
    ["other files", [PLAIN], [undefined]],
    ["one deputy for each place", [sockets(3), sockets(2), packet(3)], [0, 1, 0]],
  ];

for (const [what, steps, deputies] of CASES) {
  Deno.test(`assignDeputies(): ${what}`, () => {
    const contents = HELD.map(([pid, handles]) => ({
      pid,
      descriptors: handles.map((handle, fd) => ({ fd, handle, closeOnExec: false })),
    }));
    const questions = { tasks: TASKS, entrances: [undefined, FIRST, SECOND], contents };
    const { lateFiles } = assignDeputies({ earlyFiles: [], lateFiles: steps }, questions);
    assertEquals(lateFiles.map(({ deputy }) => deputy), deputies);
    assertEquals(lateFiles.map(({ deputy: _, ...step }) => step), steps);
  });
}

Deno.test("assignDeputies() lists those that are needed, as they are", () => {
  const contents = [{ pid: 72, descriptors: [{ fd: 0, handle: 3, closeOnExec: false }] }];
  const entrances = [undefined, FIRST, { ...SECOND }];
  const files = { earlyFiles: [written(3)], lateFiles: [sockets(3), connection(3)] };
  const plan = assignDeputies(files, { tasks: TASKS, entrances, contents });
  assertEquals(plan.deputies, [SECOND]);
  assertEquals(plan.earlyFiles.map(({ deputy }) => deputy), [0]);
});
