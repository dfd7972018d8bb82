import assert from "node:assert/strict";
import type { NamespacesPlan } from "../../plan/contents/namespaces/namespaces_plan.ts";
import { AN_OBJECT, aSegment } from "../../../tests/support/ipc_objects.ts";
import { compareNamespaces, type ObservedNamespaces } from "./verify_namespaces.ts";

const PLAN: NamespacesPlan = {
  kinds: ["uts", "ipc"],
  uts: { hostName: "a", domainName: "b" },
  ipc: {
    raised: [],
    segments: [
      { ...aSegment(), scratch: 0, fills: [] },
      { ...aSegment({ id: 4, isRemoved: true }), scratch: 0, fills: [] },
    ],
    queues: [{ ...AN_OBJECT, capacity: 9, messages: [{ type: 1n, bytes: new Uint8Array(0) }] }],
    semaphores: [{ ...AN_OBJECT, values: [1, 2] }],
    sysctls: [{ path: "kernel/sem", value: "1 2 3 4" }],
    removed: [4],
  },
};

const AS_PLANNED: ObservedNamespaces = {
  links: new Map(),
  uts: { hostName: "a", domainName: "b" },
  sysctls: new Map([["kernel/sem", "1 2 3 4"]]),
  segments: [aSegment()],
  queues: [{ ...AN_OBJECT, capacity: 9, count: 1 }],
  semaphores: [{ ...AN_OBJECT, values: [1, 2] }],
};

Deno.test("compareNamespaces() finds what differs", async (t) => {
  const object = "key 0x77, mode 640, of 0:0, by 0:0";
  const rows: { name: string; found: Partial<ObservedNamespaces>; want: string[] }[] = [
    { name: "nothing", found: {}, want: [] },
    {
      name: "names",
      found: { uts: { hostName: "a", domainName: "(none)" } },
      want: ['the domain name is "(none)", and should be "b"'],
    },
    {
      name: "sysctls",
      found: { sysctls: new Map() },
      want: ['the sysctl kernel.sem is missing, and should be "1 2 3 4"'],
    },
    {
      name: "shared memory",
      found: { segments: [aSegment({ uid: 5, isLocked: true })] },
      want: [
        'the shared memory 3 is "key 0x77, mode 640, of 5:0, by 0:0, 8192 bytes, locked", and should be ' +
        `"${object}, 8192 bytes"`,
      ],
    },
    {
      name: "a queue",
      found: { queues: [{ ...AN_OBJECT, capacity: 9, count: 0 }] },
      want: [
        `the message queue 3 is "${object}, 0 messages, for 9 bytes", and should be ` +
        `"${object}, 1 messages, for 9 bytes"`,
      ],
    },
    {
      name: "semaphores",
      found: { semaphores: [] },
      want: [`the set of semaphores 3 is missing, and should be "${object}, 1 2"`],
    },
  ];
  for (const { name, found, want } of rows) {
    await t.step(name, () => assert.deepEqual(compareNamespaces(PLAN, { ...AS_PLANNED, ...found }), want));
  }
});
