import type { Problem } from "../../../errors.ts";
import type { Host } from "../../../host/host.ts";
import type { AddressSpace } from "../../../model/address_space.ts";
import type { LimitStep } from "../contents_plan.ts";

const RLIMIT_FSIZE = 1;
const RLIMIT_DATA = 2;
const RLIMIT_NOFILE = 7;
const RLIMIT_MEMLOCK = 8;
const RLIMIT_AS = 9;
/** What memory, and files of memory, may be limited by. */
const RESOURCES: readonly number[] = [RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_AS];
/** Limits there are (RLIM_NLIMITS): in a user namespace, nobody may raise any. */
const ALL_RESOURCES = Array.from({ length: 16 }, (_, resource) => resource);

const UNLIMITED = 2n ** 64n - 1n;
const MIB = 2 ** 20;

/** Limits that cgrestore was started with, and that shall not hold while memory is made: each task gets its own later. */
export function planOwnLimits(
  { own, capabilities, user, maxDescriptors }: Pick<Host, "own" | "capabilities" | "user" | "maxDescriptors">,
): LimitStep[] {
  const mayRaise = capabilities.has("CAP_SYS_RESOURCE");
  return (user === undefined ? RESOURCES : ALL_RESOURCES).flatMap((resource) => {
    const { soft, hard } = own.limits[resource] ?? { soft: UNLIMITED, hard: UNLIMITED };
    const highest = resource === RLIMIT_NOFILE ? BigInt(maxDescriptors) : UNLIMITED;
    const most = mayRaise ? highest : hard;
    return soft === most ? [] : [{ resource, soft: most, hard: most }];
  });
}

/** Tells when more files have to be open at once than may be: `count`, and some more. */
export function checkOpenFiles(
  count: number,
  { host: { own, capabilities, maxDescriptors }, problems }: {
    readonly host: Pick<Host, "own" | "capabilities" | "maxDescriptors">;
    readonly problems: Problem[];
  },
): void {
  const mayRaise = capabilities.has("CAP_SYS_RESOURCE");
  const hard = own.limits[RLIMIT_NOFILE]?.hard ?? UNLIMITED;
  const most = mayRaise || hard > BigInt(maxDescriptors) ? maxDescriptors : Number(hard);
  if (count <= most) return;
  const hint = mayRaise ? "see the sysctl fs.nr_open" : "raise the hard limit, ulimit -n";
  problems.push({
    where: "open files",
    what: `more than ${count} have to be open at once, and cgrestore may have ${most}: ${hint}`,
  });
}

/** What checking limits has to know. */
export interface OwnLimitQuestions {
  readonly pid: number;
  readonly host: Pick<Host, "own" | "capabilities">;
  readonly problems: Problem[];
}

/** Tells of addresses that a task may not have while it is made. */
export function checkOwnLimits({ mappings }: AddressSpace, { pid, host, problems }: OwnLimitQuestions): void {
  const { own, capabilities } = host;
  const limit = own.limits[RLIMIT_AS]?.hard ?? UNLIMITED;
  if (limit === UNLIMITED || capabilities.has("CAP_SYS_RESOURCE")) return;
  const size = mappings.reduce((sum, { start, end }) => sum + end - start, 0);
  if (BigInt(size) <= limit) return;
  const what = `it has ${Math.ceil(size / MIB)} MiB of addresses, and cgrestore may have ${limit / BigInt(MIB)}`;
  problems.push({ where: `task ${pid}, memory`, what: `${what}: raise the limit, ulimit -v` });
}
