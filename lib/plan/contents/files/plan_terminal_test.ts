import { deepEqual as assertEquals } from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import { plannerOf, problemsOf, REGULAR } from "../../../../tests/support/plan_files.ts";
import { NO_ID } from "../../../model/id_ranges.ts";
import type { Terminal } from "../../../model/files/terminal_file.ts";
import { MountPlaces } from "../namespaces/mount_places.ts";
import { planTerminal } from "./plan_terminal.ts";

Deno.test("planTerminal() refuses one that is not where the root task would open it", () => {
  const mounts = [
    ROOT_MOUNT,
    aMount({ id: 2, mountPoint: "/dev", device: 50 }),
    aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
    aMount({ id: 11, mountPoint: "/dev", namespace: 1, parent: 10, device: 50 }),
    aMount({ id: 20, mountPoint: "/", namespace: 2, device: 1, type: "" }),
    aMount({ id: 21, mountPoint: "/dev", namespace: 2, parent: 20, device: 51 }),
  ];
  const places = new MountPlaces(mounts, { external: [], takesDetected: false });
  const terminal = { id: 1, type: "device", device: 0x401 } as Partial<Terminal> as Terminal;
  const problemsWith = (mount: number) => {
    const file = { kind: "terminal", id: 1, flags: 2, path: "/dev/tty1", mount, terminal } as const;
    const planner = plannerOf([file], { host: { "/dev/tty1": { ...REGULAR, device: 0x401 } }, options: { places } });
    planTerminal(planner, file, "task 77");
    return problemsOf(planner);
  };
  assertEquals([2, 11].flatMap(problemsWith), []);
  assertEquals(problemsWith(21), [
    'task 77, "/dev/tty1": it was opened in another mnt namespace than that of the root task, where it is not at this path',
  ]);
});

Deno.test("planTerminal() notes that a pseudoterminal belonged to nobody of the user namespace", () => {
  const notesWith = (uid: number) => {
    const common = { id: 1, index: 3, owner: { uid, gid: 5 }, queue: new Uint8Array() };
    const terminal = { ...common, type: "slave" } as Partial<Terminal> as Terminal;
    const file = { kind: "terminal", id: 1, flags: 2, path: "/dev/pts/3", terminal } as const;
    const planner = plannerOf([file], { host: {} });
    planTerminal(planner, file, "task 77");
    assertEquals(problemsOf(planner), []);
    return planner.notes;
  };
  assertEquals(notesWith(7), []);
  assertEquals(notesWith(NO_ID), [
    "task 77: /dev/pts/3 belonged to nobody of the user namespace, and does to its root",
  ]);
});
