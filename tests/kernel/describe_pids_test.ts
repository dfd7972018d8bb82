/** Pids of pid namespaces below our own, on the real kernel. Needs root. */

import { deepEqual as assertEquals, equal as assertEqual, ok } from "node:assert/strict";
import { describePids, type ForeignPids } from "../../lib/host/describe_pids.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { waitUntil } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";

/** A pid namespace in another one, in which the program `cat` is: all of it ends when its standard input does. */
const NAMESPACES = "unshare -p -f sh -c 'cat; true'; true";

test("describePids() finds who is in a pid namespace, and in those below", (outer) => {
  const inner = childrenOf(childrenOf(outer)[0]!)[0]!;
  const cat = childrenOf(inner)[0]!;
  const above = describe(outer);
  assertEquals([outer, inner, cat].map((pid) => pidIn(above, pid)), [1, 3, 4]);
  assertEqual(above.taskWith(5), undefined);
  assertEqual(above.isEmpty, false);
  const below = describe(inner);
  assertEquals([outer, inner, cat].map((pid) => pidIn(below, pid)), [undefined, 1, 2]);
});

test("describePids() finds everybody in our own", (outer) => {
  const own = describePids(openLinuxSys(), Deno.readLinkSync("/proc/self/ns/pid"));
  for (const pid of [outer, Deno.pid]) assertEqual(own.taskWith(pid), pid);
  const group = Number(/^NSpgid:\t(\d+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
  assertEqual(own.groupWith(group), group);
});

test("describePids() finds nobody where there is no such namespace", () => {
  const none = describePids(openLinuxSys(), "pid:[1]");
  ok(none.taskWith(1) === undefined && none.groupWith(1) === undefined);
});

function describe(pid: number): ForeignPids {
  return describePids(openLinuxSys(), Deno.readLinkSync(`/proc/${pid}/ns/pid`));
}

/** The pid of a task there that we know as `here`. */
function pidIn({ taskWith }: ForeignPids, here: number): number | undefined {
  return [1, 2, 3, 4, 5].find((pid) => taskWith(pid) === here);
}

function childrenOf(pid: number): number[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
  return text.split(" ").filter((word) => word !== "").map(Number);
}

/** Gets the first process of the outer namespace, when all are there. */
function test(name: string, check: (outer: number) => void): void {
  Deno.test({
    name,
    ...requires(name, "root", "pid-namespaces"),
    async fn() {
      const args = ["-p", "-f", "sh", "-c", NAMESPACES];
      const keeper = new Deno.Command("unshare", { args, stdin: "piped", stdout: "null" }).spawn();
      try {
        const lineOf = (pid: number | undefined): number[] =>
          pid === undefined ? [] : [pid, ...lineOf(childrenOf(pid)[0])];
        await waitUntil(() => lineOf(keeper.pid).length === 5, "the namespaces are not there");
        check(childrenOf(keeper.pid)[0]!);
      } finally {
        await keeper.stdin.close();
        await keeper.status;
      }
    },
  });
}
