import { describeMounts, describePlace, pause } from "../../support/kernel_state.ts";
import { profileOf } from "./own_profiles.ts";

/** Lines of `/proc/PID/status` that say what a task may do. */
const RIGHTS = /^(Umask|[UG]id|Groups|NS\w+|Sig(?:Blk|Ign|Cgt)|Cap\w+|NoNewPrivs|Seccomp\w*):/;

/** What the first process of a container may do, and where it is; a line for each thing. */
export function describeContained(pid: number): string {
  const rights = readStatus(pid).filter((line) => RIGHTS.test(line));
  return [
    profileOf(pid),
    ...describePlace(`/proc/${pid}/cgroup`),
    ...rights.map(withoutOuterPid),
    ...linesOf(`/proc/${pid}/limits`),
  ].join("\n");
}

/**
 * The mounts that it sees, sorted, as the kernel's order is that in which they were made. Without the file systems that
 * they are of: what hides files of /proc was the container's `/dev/null`, and is the host's after a restore by runc.
 * Without `nosymfollow`, which crun mounts cgroups with: CRIU does not dump it.
 */
export function describeContainedMounts(pid: number): string {
  const mounts = describeMounts(pid);
  const lines = mounts.map(({ mountPoint, root, mountOptions }) => `${mountPoint} ${root} ${mountOptions}`);
  return lines.map((line) => line.replace(",nosymfollow", "")).sort().join("\n");
}

/** When it does not make a child, for the moment of which a shell blocks all signals. */
function readStatus(pid: number): string[] {
  for (let tries = 0;; tries++) {
    const lines = linesOf(`/proc/${pid}/status`);
    if (tries === 1000 || !lines.some((line) => /^SigBlk:\tf/.test(line))) return lines;
    pause(1);
  }
}

function linesOf(path: string): string[] {
  return Deno.readTextFileSync(path).split("\n");
}

/** Of the pids in each namespace, the host's differs from run to run. */
function withoutOuterPid(line: string): string {
  return line.startsWith("NS") ? line.replace(/\t\d+(?=\t)/, "") : line;
}
