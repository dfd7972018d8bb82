import { deepEqual as assertEquals } from "node:assert/strict";
import type { HostDescriptor } from "../host/host.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { buildHost, DEFAULT_OPTIONS } from "../../tests/support/plan_inputs.ts";
import { planPidNamespace } from "./plan_pid_namespace.ts";

interface Row {
  readonly name: string;
  /** Pid of the root task. */
  readonly root?: number;
  readonly isExternal?: boolean;
  readonly placeholders?: boolean;
  /** Whether there is an option for the key. */
  readonly isProvided?: boolean;
  /** What descriptor 5 is. */
  readonly descriptor?: string;
  readonly isEmpty?: boolean;
  readonly problem?: string;
  readonly isJoined?: boolean;
}

const LINK = "pid:[4026532177]";

const ROWS: readonly Row[] = [
  { name: "nothing where it is not external", isExternal: false, descriptor: LINK },
  { name: "one that is provided", descriptor: LINK, isJoined: true },
  { name: "one that is provided, for placeholders", placeholders: true, descriptor: LINK, isJoined: true },
  {
    name: "one that is not provided",
    isProvided: false,
    problem: 'the external namespace "outer" is needed: --inherit-fd "fd[N]:outer"',
  },
  { name: "a descriptor that is not open, which is told with the files" },
  {
    name: "a descriptor that is not open, for placeholders",
    placeholders: true,
    problem: 'cgrestore was started without descriptor 5 for "outer"',
  },
  {
    name: "something else",
    descriptor: "net:[4026531992]",
    problem: 'descriptor 5 for "outer" is "net:[4026531992]", and no pid namespace',
  },
  {
    name: "one in which nobody is to be seen",
    descriptor: LINK,
    isEmpty: true,
    problem: `nobody is to be seen in the namespace "${LINK}", descriptor 5 for "outer": ` +
      "it has to be cgrestore's own or one in that, and its first process has to run",
  },
  {
    name: "a root that was the first",
    root: 1,
    descriptor: LINK,
    problem: 'the root task was the first of the external one "outer", and one that is there has its first already',
  },
];

Deno.test("planPidNamespace() plans", async (t) => {
  for (const row of ROWS) {
    const { name, root = 77, isExternal = true, placeholders = false, isProvided = true, isJoined, problem } = row;
    await t.step(name, () => {
      const checkpoint = {
        tasks: [{ pid: root }],
        ...isExternal ? { externalPidNamespace: "outer" } : {},
        ...placeholders ? {} : { contents: {} },
      } as unknown as Checkpoint;
      const outsiders = new Map([[1, 4711]]);
      const host = buildHost({
        inherited: new Map(row.descriptor === undefined ? [] : [[5, { name: row.descriptor } as HostDescriptor]]),
        joinedPids: { isEmpty: row.isEmpty === true },
        outsiders,
      });
      const inheritedFiles = isProvided ? [{ fd: 5, key: "outer" }] : [];
      const plan = planPidNamespace(checkpoint, { host, options: { ...DEFAULT_OPTIONS, inheritedFiles } });
      assertEquals(plan, {
        ...isJoined === true ? { joined: { fd: 5, key: "outer", link: LINK, outsiders } } : {},
        problems: problem === undefined ? [] : [{ where: "pid namespace", what: problem }],
      });
    });
  }
});
