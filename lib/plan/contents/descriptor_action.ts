import type { WatchStep } from "./files/plan_epoll.ts";
import type { LeaseStep, LockStep } from "./plan_locks.ts";
import type { AsyncStep } from "./plan_owners.ts";

/** What a task does to an open file through a descriptor of its own, when it has all of them. */
export type DescriptorAction =
  | WatchStep
  | AsyncStep
  | LeaseStep
  | LockStep;
