import type { DumpedCgroup, Permissions, Property } from "../../model/checkpoint.ts";
import { isLimit } from "../controller_properties.ts";

/** Properties of one cgroup of v2, and those of v1 that limit something and have no counterpart. */
export interface ConvertedProperties {
  readonly properties: readonly Property[];
  readonly lost: readonly Property[];
}

/** Finds a value of v1 that limits something, which has a counterpart then. */
type Find = (name: string) => string | undefined;

/** Values by their names in v2; those that are not there limit nothing. */
type Values = Readonly<Record<string, string | undefined>>;

/**
 * What the properties of a cgroup of v1, of all hierarchies, are in v2: kernel, admin-guide/cgroup-v1 and cgroup-v2.rst.
 * Values that limit nothing are left out, so that no controller is needed for them.
 */
export function convertProperties(dumped: readonly Property[]): ConvertedProperties {
  const values = new Map(dumped.map((property) => [property.name, property]));
  const lost = new Map(limitsOf({ properties: dumped }).map((property) => [property.name, property]));
  const properties: Property[] = [];
  for (const convert of [...CONVERSIONS, ...renamings(values.keys())]) {
    let source: Property | undefined;
    const found = convert((name) => {
      const property = values.get(name);
      if (property === undefined || !isLimit(1, name, property.value)) return undefined;
      source ??= property;
      lost.delete(name);
      return property.value;
    });
    for (const [name, value] of Object.entries(found)) {
      if (value !== undefined) properties.push({ name, value, ...permissionsOf(source) });
    }
  }
  const processes = values.get("cgroup.procs");
  return { properties: processes === undefined ? properties : [...properties, processes], lost: [...lost.values()] };
}

function permissionsOf(property: Property | undefined): { readonly permissions?: Permissions } {
  return property?.permissions === undefined ? {} : { permissions: property.permissions };
}

/** How cgroups of v1 are made and end: v2 does it in its own way. */
const MEANINGLESS: readonly string[] = ["cgroup.clone_children", "notify_on_release", "cpuset.memory_migrate"];

/** Values of a cgroup of v1 that limit something, in v2 as well. */
export function limitsOf({ properties }: Pick<DumpedCgroup, "properties">): Property[] {
  return properties.filter(({ name, value }) => isLimit(1, name, value) && !MEANINGLESS.includes(name));
}

/** Those of one controller belong together: what one says may depend on another one. */
const CONVERSIONS: readonly ((find: Find) => Values)[] = [
  convertShares,
  convertBandwidth,
  convertMemory,
  (find) => ({ "io.weight": joinLines(convertWeights(find, "blkio.weight", ioWeight)) }),
  (find) => ({ "io.bfq.weight": joinLines(convertWeights(find, "blkio.bfq.weight", (weight) => weight)) }),
  convertThrottling,
  (find) => ({ "cgroup.freeze": find("freezer.state") === undefined ? undefined : "1" }),
];

const RENAMED: readonly (readonly [v1: RegExp, v2: string])[] = [
  [/^(?:cpuset\.(?:cpus|mems)|cpu\.uclamp\.(?:min|max)|(?:pids|rdma|misc)\.max)$/, "$&"],
  [/^(hugetlb\.[^.]+(?:\.rsvd)?)\.limit_in_bytes$/, "$1.max"],
];

/** Those of which only the name is another one, if that. */
function renamings(names: Iterable<string>): ((find: Find) => Values)[] {
  return [...names].flatMap((name) => {
    const row = RENAMED.find(([pattern]) => pattern.test(name));
    return row === undefined ? [] : [(find: Find) => ({ [name.replace(...row)]: find(name) })];
  });
}

/** A group that is idle has no weight. */
function convertShares(find: Find): Values {
  const [idle, shares] = [find("cpu.idle"), find("cpu.shares")];
  return { "cpu.idle": idle, "cpu.weight": shares === undefined || idle !== undefined ? undefined : cpuWeight(shares) };
}

/**
 * As container runtimes do it, by a curve through (2, 1), (1024, 100) and (262144, 10000), so that what is normal stays
 * normal: kernel, documentation of cpu.shares and cpu.weight; opencontainers/cgroups 0.0.3.
 */
function cpuWeight(shares: string): string {
  const size = Math.log2(Math.min(Math.max(Number(shares), 2), 262_144));
  return String(Math.ceil(10 ** ((size * size + 125 * size) / 612 - 7 / 34)));
}

/** A period without a quota limits nothing. */
function convertBandwidth(find: Find): Values {
  const [quota, period = "100000"] = [find("cpu.cfs_quota_us"), find("cpu.cfs_period_us")];
  return {
    "cpu.max": quota === undefined ? undefined : `${quota} ${period}`,
    "cpu.max.burst": find("cpu.cfs_burst_us"),
  };
}

/** The limit of v1 for memory and swap is one for both; it is never lower than that for memory alone. */
function convertMemory(find: Find): Values {
  const limit = find("memory.limit_in_bytes");
  const both = limit === undefined ? undefined : find("memory.memsw.limit_in_bytes");
  return {
    "memory.max": limit,
    "memory.swap.max": limit === undefined || both === undefined ? undefined : String(BigInt(both) - BigInt(limit)),
    "memory.low": find("memory.soft_limit_in_bytes"),
  };
}

/** A default, and exceptions for single devices. */
function convertWeights(find: Find, name: string, convert: (weight: string) => string): string[] {
  const [normal, devices = ""] = [find(name), find(`${name}_device`)];
  const exceptions = linesOf(devices).map(([device, weight]) => `${device} ${convert(weight)}`);
  return normal === undefined ? exceptions : [`default ${convert(normal)}`, ...exceptions];
}

/** From 10 … 1000 to 1 … 10000, as container runtimes do it. */
function ioWeight(weight: string): string {
  return String(1 + Math.trunc((Number(weight) - 10) * 9999 / 990));
}

const THROTTLES = [
  ["rbps", "blkio.throttle.read_bps_device"],
  ["wbps", "blkio.throttle.write_bps_device"],
  ["riops", "blkio.throttle.read_iops_device"],
  ["wiops", "blkio.throttle.write_iops_device"],
] as const;

/** As the kernel says it: each device in one line, with all four limits. */
function convertThrottling(find: Find): Values {
  const devices = new Map<string, Map<string, string>>();
  for (const [key, name] of THROTTLES) {
    for (const [device, limit] of linesOf(find(name) ?? "")) {
      devices.set(device, (devices.get(device) ?? new Map()).set(key, limit));
    }
  }
  const lines = [...devices].map(([device, limits]) => (
    [device, ...THROTTLES.map(([key]) => `${key}=${limits.get(key) ?? "max"}`)].join(" ")
  ));
  return { "io.max": joinLines(lines) };
}

/** Lines of two words. */
function linesOf(text: string): [device: string, value: string][] {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [device = "", value = ""] = line.trim().split(/\s+/);
    return [device, value];
  });
}

function joinLines(lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : lines.join("\n");
}
