import { deepEqual as assertEquals } from "node:assert/strict";
import type { DescriptorAction } from "../../plan/contents/descriptor_action.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { SYSCALLS_X86_64 } from "../../tracee/syscalls_x86_64.ts";
import { compileDescriptorActions } from "./compile_descriptor_actions.ts";
import type { ContentsContext } from "./remote.ts";

const CONTEXT = { numbers: SYSCALLS_X86_64 } as ContentsContext;
const USER = { name: "task 77", leaseOwners: new Map([[6, 1000]]) };
const WATCH = { kind: "watch", epoll: 3, fd: 5, events: 1, data: 7n, isDisarmed: false } as const;

/** The calls with those arguments that are numbers. */
function describe(calls: readonly RemoteCall[]): string[] {
  return calls.map(({ purpose, arguments: args }) => (
    [purpose.call, ...args.filter((argument) => typeof argument === "number")].join(" ")
  ));
}

const ROWS: readonly [name: string, action: DescriptorAction, calls: string[], rest: string[]][] = [
  ["watches a descriptor", WATCH, ["epoll_ctl 3 1 5"], []],
  ["watches by another number", { ...WATCH, number: 9 }, ["dup3 5 9 0", "epoll_ctl 3 1 9", "close 9"], []],
  [
    "lets a watch tell once, and else leaves it with errors",
    { ...WATCH, isDisarmed: true },
    ["epoll_ctl 3 1 5", "epoll_wait 3 1 0"],
    ["epoll_ctl 3 3 5"],
  ],
  ["has a file signal", { kind: "set-async", fd: 5, flags: 0o20002 }, ["fcntl 5 4 8194"], []],
  ["takes a lease that has no owner", { kind: "lease", fd: 5, type: 1 }, ["fcntl 5 1024 1", "fcntl 5 8 0"], []],
  [
    "takes a lease as the owner of the file",
    { kind: "lease", fd: 6, type: 1 },
    ["setfsuid 1000", "fcntl 6 1024 1", "fcntl 6 8 0", "setfsuid 0", "prctl 4 1 0 0 0"],
    [],
  ],
  ["locks without waiting", { kind: "lock", of: "flock", fd: 5, type: 0, start: 0n, length: 0n }, ["flock 5 5"], []],
  ["locks a record", { kind: "lock", of: "posix", fd: 5, type: 0, start: 0n, length: 0n }, ["fcntl 5 6"], []],
  ["locks an open file", { kind: "lock", of: "ofd", fd: 5, type: 0, start: 0n, length: 0n }, ["fcntl 5 37"], []],
];

Deno.test("compileDescriptorActions()", async (t) => {
  for (const [name, action, calls, rest] of ROWS) {
    await t.step(name, () => {
      const compiled = compileDescriptorActions(CONTEXT, [action], USER);
      assertEquals(describe(compiled.calls), calls);
      assertEquals(describe(compiled.rest()), rest);
    });
  }
});

Deno.test("compileDescriptorActions() leaves a watch alone that has told of something", () => {
  const { calls, rest } = compileDescriptorActions(CONTEXT, [{ ...WATCH, isDisarmed: true }], USER);
  const output = calls.flatMap(({ arguments: args }) => args).find((argument) => (
    typeof argument === "object" && "output" in argument
  ));
  if (output !== undefined && typeof output === "object" && "output" in output) output.output[0] = 1;
  assertEquals(rest(), []);
});

Deno.test("compileDescriptorActions() writes struct flock", () => {
  const action = { kind: "lock", of: "posix", fd: 5, type: 1, start: 3n, length: 2n ** 40n } as const;
  const [call] = compileDescriptorActions(CONTEXT, [action], USER).calls;
  const struct = call?.arguments[2];
  assertEquals(
    struct instanceof Uint8Array && struct.toHex(),
    `01000000${"0".repeat(8)}0300000000000000${"0".repeat(10)}010000${"0".repeat(16)}`,
  );
});
