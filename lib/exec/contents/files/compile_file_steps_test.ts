import { deepEqual as assertEquals } from "node:assert/strict";
import { filesContext, renderCall } from "../../../../tests/support/compiled_calls.ts";
import type { FileStep } from "../../../plan/contents/file_step.ts";
import { compileFileSteps } from "./compile_file_steps.ts";

const O_PATH = 0o10000000;

function open(handle: number, path: string, mountNamespace?: number): FileStep {
  const place = mountNamespace === undefined ? {} : { mountNamespace };
  return { kind: "open-path", what: path, handle, path, flags: O_PATH, ...place };
}

Deno.test("compileFileSteps() opens files in their mount namespaces, and ends in the first", () => {
  const steps = [open(0, "/a"), open(1, "/b", 1), open(2, "/c", 1), open(3, "/d", 2)];
  const [turn, ...others] = compileFileSteps(
    { ...filesContext(), mountNamespaces: [200, 201, 202] },
    steps,
    (pid) => pid,
  );
  assertEquals(others, []);
  const calls = turn?.calls.map(renderCall).filter((call) => /^(setns|openat .*\/|fchdir)/.test(call));
  assertEquals(calls, [
    `openat -100 "/a" ${O_PATH} = 0`,
    `setns 201 ${0x20000}`,
    "fchdir 0",
    `openat -100 "/b" ${O_PATH} = 0`,
    `openat -100 "/c" ${O_PATH} = 0`,
    `setns 202 ${0x20000}`,
    "fchdir 0",
    `openat -100 "/d" ${O_PATH} = 0`,
    `setns 200 ${0x20000}`,
    "fchdir 0",
  ]);
});

function makeUnix(handle: number, network?: number): FileStep {
  const action = { kind: "make", handle, type: 1 } as const;
  return { kind: "unix-socket", what: "a socket", action, ...network === undefined ? {} : { network } };
}

Deno.test("compileFileSteps() makes sockets in their net namespaces, and ends in the first", () => {
  const [turn, ...others] = compileFileSteps(
    { ...filesContext(), netNamespaces: [200, 201, 202] },
    [makeUnix(0), makeUnix(1, 1), makeUnix(2, 1), makeUnix(3, 2), makeUnix(4), makeUnix(5, 2)],
    (pid) => pid,
  );
  assertEquals(others, []);
  const calls = turn?.calls.map(renderCall).filter((call) => /^(setns|dup3)/.test(call));
  const [enter, made] = [
    (fd: number) => `setns ${fd} ${0x4000_0000}`,
    (handle: number) => `dup3 0 ${101 + handle} 0`,
  ];
  assertEquals(calls, [
    made(0),
    enter(201),
    ...[made(1), made(2)],
    enter(202),
    made(3),
    enter(200),
    made(4),
    enter(202),
    made(5),
    enter(200),
  ]);
});

Deno.test("compileFileSteps() knows of which mount namespace names are", () => {
  const name = { path: "/gone", parents: ["/dir"] };
  const step: FileStep = {
    ...{ kind: "open-linked", what: "/gone", handle: 0, flags: O_PATH, link: "/link", name },
    mountNamespace: 1,
  };
  const turns = compileFileSteps({ ...filesContext(), mountNamespaces: [200, 201] }, [step], (pid) => pid);
  const effects = turns.flatMap(({ calls }) => calls.flatMap(({ effect }) => effect ?? []));
  assertEquals(effects.map(({ kind, path, mountNamespace }) => [kind, path, mountNamespace]), [
    ["makes-directory", "/dir", 1],
    ["makes-file", "/gone", 1],
    ["removes", "/gone", 1],
    ["removes", "/dir", 1],
  ]);
});

Deno.test("compileFileSteps() has deputies make what they are to make, and the coordinator the rest", () => {
  const steps = [
    open(0, "/a"),
    { ...makeUnix(1), deputy: 0 },
    { ...makeUnix(2, 1), deputy: 0 },
    { ...makeUnix(3), deputy: 1 },
    makeUnix(4, 1),
    { ...makeUnix(5, 1), deputy: 0 },
  ];
  const turns = compileFileSteps({ ...filesContext(), netNamespaces: [200, 201] }, steps, (pid) => pid);
  const told = turns.map(({ by, calls }) => [by, calls.map(renderCall).filter((call) => /^(setns|dup3)/.test(call))]);
  const [enter, made] = [
    (fd: number) => `setns ${fd} ${0x4000_0000}`,
    (handle: number) => `dup3 0 ${101 + handle} 0`,
  ];
  assertEquals(told, [
    [0, [made(0)]],
    // Each has a net namespace of its own, where it stays until it has to go elsewhere.
    [-1, [made(1), enter(201), made(2)]],
    [-2, [made(3)]],
    [0, [enter(201), made(4)]],
    [-1, [made(5)]],
    [0, [enter(200)]],
  ]);
});

Deno.test("compileFileSteps() leaves others where they are while a task performs", () => {
  const pair: FileStep = {
    ...{ kind: "unix-socket", what: "a pair", performer: { pid: 7 } },
    action: { kind: "pair", handles: [2, 3], type: 1 },
  };
  const deputed = (handle: number) => ({ ...makeUnix(handle, 1), deputy: 0 });
  const steps = [deputed(0), makeUnix(1, 1), pair, makeUnix(4, 1), deputed(5)];
  const turns = compileFileSteps({ ...filesContext(), netNamespaces: [200, 201] }, steps, (pid) => pid);
  assertEquals(turns.map(({ by }) => by), [-1, 0, 7, 0, 7, 0, -1, 0]);
  const entries = turns.flatMap(({ by, calls }) => calls.map((call) => `${by} ${renderCall(call)}`))
    .filter((call) => call.includes(" setns "));
  assertEquals(entries, ["-1 setns 201", "0 setns 201", "0 setns 200"].map((call) => `${call} ${0x4000_0000}`));
});
