import type { Problem } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import type { JoinedPidNamespace, PlanOptions } from "./plan.ts";

/** Where problems of pid namespaces are. */
const WHERE = "pid namespace";

/** What became of an external pid namespace. */
export interface PidNamespacePlan {
  /** Absent where there is none, or with a problem. */
  readonly joined?: JoinedPidNamespace;
  readonly problems: readonly Problem[];
}

/** What `planPidNamespace` has to know besides the checkpoint. */
interface PidNamespaceQuestions {
  readonly host: Pick<Host, "inherited" | "joinedPids" | "outsiders">;
  readonly options: Pick<PlanOptions, "inheritedFiles">;
}

/** Plans which pid namespace stands for the one that was dumped as external. */
export function planPidNamespace(
  { externalPidNamespace: key, tasks: [root], contents }: Checkpoint,
  { host, options }: PidNamespaceQuestions,
): PidNamespacePlan {
  if (key === undefined) return { problems: [] };
  const refuse = (what: string): PidNamespacePlan => ({ problems: [{ where: WHERE, what }] });
  const name = JSON.stringify(key);
  if (root?.pid === 1) {
    return refuse(
      `the root task was the first of the external one ${name}, and one that is there has its first already`,
    );
  }
  const fd = options.inheritedFiles.find((file) => file.key === key)?.fd;
  if (fd === undefined) return refuse(`the external namespace ${name} is needed: --inherit-fd "fd[N]:${key}"`);
  const link = host.inherited.get(fd)?.name;
  if (link === undefined) {
    // With contents, all descriptors are looked at.
    return contents === undefined
      ? refuse(`cgrestore was started without descriptor ${fd} for ${name}`)
      : { problems: [] };
  }
  if (!/^pid:\[\d+\]$/.test(link)) return refuse(`descriptor ${fd} for ${name} is "${link}", and no pid namespace`);
  if (host.joinedPids?.isEmpty === true) {
    const needed = "it has to be cgrestore's own or one in that, and its first process has to run";
    return refuse(`nobody is to be seen in the namespace "${link}", descriptor ${fd} for ${name}: ${needed}`);
  }
  return { joined: { fd, key, link, outsiders: host.outsiders }, problems: [] };
}
