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
