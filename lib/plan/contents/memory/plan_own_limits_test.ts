import { deepEqual as assertEquals } from "node:assert/strict";
import { aMapping, aSpace } from "../../../../tests/support/build_space.ts";
import { OWN_STATE } from "../../../../tests/support/plan_inputs.ts";
import type { Problem } from "../../../errors.ts";
import { checkOpenFiles, checkOwnLimits, planOwnLimits } from "./plan_own_limits.ts";

const UNLIMITED = 2n ** 64n - 1n;
const MIB = 2n ** 20n;
const RLIMIT_DATA = 2;
const RLIMIT_NOFILE = 7;
const RLIMIT_AS = 9;

/** cgrestore with this limit of one resource. */
function host(resource: number, soft: bigint, hard: bigint, capabilities: readonly string[] = []) {
  const limits = OWN_STATE.limits.map((limit, index) => index === resource ? { soft, hard } : limit);
  return { own: { ...OWN_STATE, limits }, capabilities: new Set(capabilities), maxDescriptors: 2 ** 20 };
}

Deno.test("planOwnLimits() raises soft limits, and hard ones where it may", () => {
  assertEquals(planOwnLimits(host(RLIMIT_DATA, UNLIMITED, UNLIMITED)), []);
  assertEquals(planOwnLimits(host(RLIMIT_DATA, MIB, 2n * MIB)), [
    { resource: RLIMIT_DATA, soft: 2n * MIB, hard: 2n * MIB },
  ]);
  assertEquals(planOwnLimits(host(RLIMIT_DATA, MIB, MIB)), []);
  assertEquals(planOwnLimits(host(RLIMIT_DATA, MIB, MIB, ["CAP_SYS_RESOURCE"])), [
    { resource: RLIMIT_DATA, soft: UNLIMITED, hard: UNLIMITED },
  ]);
});

Deno.test("checkOwnLimits() tells of more addresses than there may be", () => {
  const space = aSpace({ mappings: [aMapping(0x10_0000, 1024), aMapping(0x1000_0000, 257)] });
  const problemsOf = (given: ReturnType<typeof host>) => {
    const problems: Problem[] = [];
    checkOwnLimits(space, { pid: 7, host: given, problems });
    return problems.map(({ what }) => what);
  };
  assertEquals(problemsOf(host(RLIMIT_AS, UNLIMITED, UNLIMITED)), []);
  assertEquals(problemsOf(host(RLIMIT_AS, MIB, 6n * MIB)), []);
  assertEquals(problemsOf(host(RLIMIT_AS, MIB, 5n * MIB, ["CAP_SYS_RESOURCE"])), []);
  assertEquals(problemsOf(host(RLIMIT_AS, MIB, 5n * MIB)), [
    "it has 6 MiB of addresses, and cgrestore may have 5: raise the limit, ulimit -v",
  ]);
});

Deno.test("checkOpenFiles() tells of more files than there may be", () => {
  const problemsOf = (count: number, given: ReturnType<typeof host>) => {
    const problems: Problem[] = [];
    checkOpenFiles(count, { host: { ...given, maxDescriptors: 2000 }, problems });
    return problems.map(({ where, what }) => `${where}: ${what}`);
  };
  const many = (most: number, hint: string) => [
    `open files: more than 1500 have to be open at once, and cgrestore may have ${most}: ${hint}`,
  ];
  assertEquals(problemsOf(1500, host(RLIMIT_NOFILE, 10n, 1500n)), []);
  assertEquals(problemsOf(1500, host(RLIMIT_NOFILE, 10n, 1499n)), many(1499, "raise the hard limit, ulimit -n"));
  assertEquals(problemsOf(1500, host(RLIMIT_NOFILE, 10n, 1499n, ["CAP_SYS_RESOURCE"])), []);
  assertEquals(problemsOf(2000, host(RLIMIT_NOFILE, 10n, UNLIMITED)), []);
  assertEquals(problemsOf(2001, host(RLIMIT_NOFILE, 10n, UNLIMITED)).length, 1);
  assertEquals(problemsOf(2001, host(RLIMIT_NOFILE, 10n, 9n, ["CAP_SYS_RESOURCE"])), [
    "open files: more than 2001 have to be open at once, and cgrestore may have 2000: see the sysctl fs.nr_open",
  ]);
});
