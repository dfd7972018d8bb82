import assert from "node:assert/strict";
import { AN_OBJECT, anIpcNamespace, aSegment } from "../../tests/support/ipc_objects.ts";
import { describeMadeNamespaces, describeNamespaces } from "./describe_namespaces.ts";

Deno.test("describeNamespaces() tells what they have", () => {
  const message = { type: 1n, bytes: new Uint8Array() };
  const ipc = anIpcNamespace({
    segments: [aSegment()],
    queues: [{ ...AN_OBJECT, capacity: 1, messages: [message, message] }],
    semaphores: [{ ...AN_OBJECT, values: [1] }, { ...AN_OBJECT, id: 4, values: [1] }],
  });
  assert.deepEqual(describeNamespaces({ uts: { hostName: "a", domainName: "" }, ipc }), [
    'uts: host "a", domain ""',
    "ipc: 1 segment of shared memory, 1 message queue with 2 messages, 2 sets of semaphores",
  ]);
  assert.deepEqual(describeNamespaces({ ipc: anIpcNamespace() }), ["ipc: no System V objects"]);
  assert.deepEqual(describeNamespaces({}), []);
});

Deno.test("describeMadeNamespaces() tells how clocks differ", () => {
  const clockOffsets = { monotonic: -1_500_000_000n, boottime: 20n };
  assert.deepEqual(describeMadeNamespaces({ kinds: ["time"], clockOffsets }), [
    "time: monotonic clock -1.500 s and clock since boot 0.000 s from this host's",
  ]);
});
