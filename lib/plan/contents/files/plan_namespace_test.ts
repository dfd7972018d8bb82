import { deepEqual as assertEquals } from "node:assert/strict";
import type { NamespaceFile } from "../../../model/files/namespace_file.ts";
import { planSmallTree } from "../../../../tests/support/small_contents.ts";

function plan(whose: NamespaceFile["whose"], pid?: number) {
  const owner = { whose, ...pid === undefined ? {} : { pid } };
  const file: NamespaceFile = { kind: "namespace", id: 4, flags: 0, of: "net", ...owner };
  const { late, problems } = planSmallTree({ files: [file], tasks: { 77: { 4: 4 }, 78: {} } });
  return { late, problems: problems.map(({ what }) => what) };
}

Deno.test("planNamespace() opens the tasks' own namespaces, and the host's", () => {
  const step = { kind: "open-namespace", handle: 0, of: "net", flags: 0 };
  const ofTasks = { ...step, what: "the net namespace of the tasks", pid: 77 };
  assertEquals(plan("tasks"), { late: [ofTasks], problems: [] });
  const ofOne = { ...step, what: "the net namespace of task 78", pid: 78 };
  assertEquals(plan("tasks", 78), { late: [ofOne], problems: [] });
  assertEquals(plan("dumper"), { late: [{ ...step, what: "the net namespace of this host" }], problems: [] });
});

Deno.test("planNamespace() refuses others", () => {
  const problem = "it is a net namespace that is neither the tasks' own nor the host's";
  assertEquals(plan("others"), { late: [], problems: [problem] });
});
