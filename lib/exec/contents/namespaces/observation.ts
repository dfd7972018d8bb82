import type { RemoteCall } from "../../../tracee/remote_call.ts";

/** Calls that look at something, and what they have found when they have been made. */
export interface Observation<T> {
  readonly calls: readonly RemoteCall[];
  readonly read: () => T;
}
