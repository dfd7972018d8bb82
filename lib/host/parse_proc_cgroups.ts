/** A controller that the kernel was built with. */
export interface KernelController {
  readonly name: string;
  /** Id of the v1 hierarchy that has it; 0: none has, it is loose or serves cgroup v2. */
  readonly hierarchyId: number;
  /** Not switched off by `cgroup_disable=`. */
  readonly enabled: boolean;
}

/** The text of `/proc/cgroups` (cgroups(7)), in its order; lines of another form are passed over. */
export function parseProcCgroups(text: string): KernelController[] {
  return text.split("\n").flatMap((line) => {
    const match = /^([^#\s]\S*)\s+(\d+)\s+\d+\s+([01])$/.exec(line);
    return match === null ? [] : [{ name: match[1] ?? "", hierarchyId: Number(match[2]), enabled: match[3] === "1" }];
  });
}
