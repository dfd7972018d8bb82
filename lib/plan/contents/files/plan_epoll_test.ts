import { deepEqual as assertEquals } from "node:assert/strict";
import type { EpollFile, EpollWatch } from "../../../model/files/event_files.ts";
import type { OpenFile } from "../../../model/open_file.ts";
import { eventFile, planSmallTree, tableOf } from "../../../../tests/support/small_contents.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { WatchStep } from "./plan_epoll.ts";

const EPOLLIN = 0x1;
const EPOLLONESHOT = 1 << 30;
const ALWAYS = 0x18;

function epollOf(watches: readonly EpollWatch[], id = 3): EpollFile {
  return { kind: "epoll", id, flags: 2, watches };
}

function watchOf(fd: number, events = EPOLLIN | ALWAYS): EpollWatch {
  return { fd, events, data: BigInt(fd) };
}

/** What the task 77 does with its descriptors. */
function watchesOf(planner: FilePlanner): WatchStep[] {
  return (planner.actions.get(tableOf(77)) ?? []).flatMap((action) => action.kind === "watch" ? [action] : []);
}

const NUMBERS: readonly [name: string, descriptors: Record<number, number>, fds: number[], watched: unknown[]][] = [
  ["each descriptor by its number", { 4: 40, 5: 50 }, [4, 5], [[4], [5]]],
  ["duplicates of one file", { 4: 40, 5: 40 }, [4, 5], [[4], [5]]],
  ["a second watch of a file that has another descriptor", { 4: 40, 9: 40 }, [4, 4], [[4], [9]]],
  ["a second watch of a file with one descriptor only", { 4: 40, 6: 50 }, [4, 4], [[4], [4, 7]]],
  ["a third one", { 4: 40 }, [4, 4, 4], [[4], [4, 5], [4, 6]]],
];

Deno.test("planEpoll() gives every watch a number of its own", async (t) => {
  for (const [name, descriptors, fds, watched] of NUMBERS) {
    await t.step(name, () => {
      const files = [epollOf(fds.map((fd) => watchOf(fd))), eventFile(40), eventFile(50)];
      const planner = planSmallTree({ files, tasks: { 77: { 3: 3, ...descriptors } } });
      assertEquals(planner.problems, []);
      const found = watchesOf(planner).map(({ fd, number }) => number === undefined ? [fd] : [fd, number]);
      assertEquals(found, watched);
    });
  }
});

Deno.test("planEpoll() plans the watches of the first table that has the instance", () => {
  const files: OpenFile[] = [epollOf([watchOf(4)]), eventFile(40), eventFile(50)];
  const planner = planSmallTree({ files, tasks: { 77: { 3: 3, 4: 40 }, 78: { 3: 3, 4: 50 } } });
  assertEquals([...planner.actions.keys()], [tableOf(77)]);
  assertEquals(planner.expected.get(0)?.lines, ["tfd: 4 events: 19 data: 4 *"]);
});

Deno.test("planEpoll() has watches that keep quiet made first", () => {
  const files = [epollOf([watchOf(4), watchOf(5, EPOLLONESHOT)]), eventFile(40), eventFile(50)];
  const planner = planSmallTree({ files, tasks: { 77: { 3: 3, 4: 40, 5: 50 } } });
  assertEquals(watchesOf(planner).map(({ fd, isDisarmed }) => [fd, isDisarmed]), [[5, true], [4, false]]);
});

Deno.test("planEpoll() plans instances that watch each other's files", () => {
  const files = [epollOf([watchOf(4)]), epollOf([watchOf(5)], 4), eventFile(50)];
  const planner = planSmallTree({ files, tasks: { 77: { 3: 3, 4: 4, 5: 50 } } });
  assertEquals(planner.problems, []);
  assertEquals(watchesOf(planner).map(({ epoll, fd }) => [epoll, fd]), [[3, 4], [4, 5]]);
});

Deno.test("planEpoll() refuses to watch what is not open", () => {
  const planner = planSmallTree({ files: [epollOf([watchOf(9)])], tasks: { 77: { 3: 3 } } });
  const what = "it watches descriptor 9, which is not open";
  assertEquals(planner.problems, [{ where: "task 77, descriptor 3", what }]);
});

Deno.test("planEpoll() tells once what cannot be restored of a file that it watches", () => {
  const files: OpenFile[] = [epollOf([watchOf(4)]), { kind: "unknown", id: 40, what: "a BPF map" }];
  const planner = planSmallTree({ files, tasks: { 77: { 3: 3, 4: 40 } } });
  assertEquals(planner.problems, [{ where: "task 77, descriptor 4", what: "a BPF map cannot be restored" }]);
});
