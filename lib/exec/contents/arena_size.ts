import type { ContentsPlan } from "../../plan/contents/contents_plan.ts";
import type { FileStep } from "../../plan/contents/file_step.ts";
import { ENTRY_SIZE } from "../../tracee/agent_layout.ts";

/** Memory for tables: more is used in several rounds. */
const MAX_ARENA = 64 * 2 ** 20;
/** What a table of a task or thread takes beyond what is counted, and what moves at once through the coordinator. */
const BASE_SIZE = 16384;
const COORDINATOR_SIZE = 2 ** 20;
/** What a descriptor action takes: five calls and their data at most. */
const ACTION_SIZE = 5 * (ENTRY_SIZE + 32);

/** Room that the tables of a plan need, in the best case all of them at the same time; in bytes. */
export function arenaSize(plan: ContentsPlan): number {
  let size = COORDINATOR_SIZE;
  for (
    const { memory, descriptors = [], descriptorActions, actions, timers, pendingSignals, threads } of plan.tasks
  ) {
    size += BASE_SIZE + ENTRY_SIZE * (memory.length + 3 * descriptors.length + 2 * timers.posix.length);
    size += ACTION_SIZE * descriptorActions.length + (ENTRY_SIZE + 32) * actions.length +
      (ENTRY_SIZE + 128) * pendingSignals.length;
    for (const step of memory) if (step.kind === "fill") size += 8 * step.ranges.length;
    for (const thread of threads) size += BASE_SIZE + (ENTRY_SIZE + 128) * thread.pendingSignals.length;
  }
  const largest = Math.max(largestMessage(plan.lateFiles), largestObject(plan.namespaces));
  return Math.max(Math.min(size, MAX_ARENA), COORDINATOR_SIZE + largest);
}

/** Bytes of the largest message that goes into a queue, which cannot be cut. */
function largestMessage(steps: readonly FileStep[]): number {
  const messages = steps.flatMap((step) => (
    step.kind === "unix-socket" && step.action.kind === "send"
      ? step.action.packets.map(({ bytes }) => bytes.length)
      : []
  ));
  return messages.reduce((largest, size) => Math.max(largest, size), 0);
}

/** Bytes of the largest part of a System V object that is not read from a file. */
function largestObject({ ipc }: ContentsPlan["namespaces"]): number {
  const messages = ipc?.queues.flatMap((queue) => queue.messages.map(({ bytes }) => 8 + bytes.length)) ?? [];
  const values = ipc?.semaphores.map((set) => 2 * set.values.length) ?? [];
  return [...messages, ...values].reduce((largest, size) => Math.max(largest, size), 0);
}
