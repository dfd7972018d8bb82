import { deepEqual as assertEquals } from "node:assert/strict";
import type { HostAppArmor } from "../../../host/host.ts";
import type { SecurityModule } from "../../../model/contents.ts";
import type { Credentials } from "../../../model/task_state.ts";
import type { Problem } from "../../../errors.ts";
import type { PlanOptions } from "../../plan.ts";
import { planProfile } from "./plan_profile.ts";

interface Row {
  readonly what: string;
  readonly module?: SecurityModule;
  readonly credentials?: Partial<Credentials>;
  readonly appArmor?: HostAppArmor | undefined;
  readonly chosen?: PlanOptions["profile"];
  /** The profile to set. */
  readonly profile?: string;
  readonly problem?: string;
}

const FREE: HostAppArmor = { ownProfile: "unconfined", loadedProfiles: new Set(["web", "web//sub", "b"]) };
const CONFINED: HostAppArmor = { ownProfile: "web" };
const WITHOUT = '"--lsm-profile none" restores without';
const WEB = { profile: "web" };

const ROWS: readonly Row[] = [
  { what: "nothing confined it" },
  { what: "nothing confined it, and there is no AppArmor", appArmor: undefined },
  { what: "a profile", credentials: WEB, profile: "web" },
  { what: "a profile below another", credentials: { profile: "web//sub" }, profile: "web//sub" },
  { what: "several at once", credentials: { profile: "web//&b" }, profile: "web//&b" },
  { what: "cgrestore's own", credentials: WEB, appArmor: CONFINED },
  {
    what: "one of which is not known whether it is loaded",
    credentials: { profile: "x" },
    ...{ appArmor: { ownProfile: "unconfined" } },
    profile: "x",
  },
  { what: "a chosen one", credentials: WEB, chosen: { appArmor: "b" }, profile: "b" },
  { what: "a chosen one, and none to replace", chosen: { appArmor: "b" } },
  { what: "none, by choice", credentials: WEB, appArmor: undefined, chosen: "none" },
  { what: "no context, by choice", module: "selinux", credentials: WEB, chosen: "none" },
  {
    what: "no AppArmor",
    credentials: WEB,
    appArmor: undefined,
    profile: "web",
    problem: `it has the profile "web" of AppArmor, which is not in force here (Linux 5.8 or newer); ${WITHOUT}`,
  },
  {
    what: "one that is not loaded",
    credentials: { profile: "web//&x" },
    profile: "web//&x",
    problem: 'its profile "x" of AppArmor is not loaded here: load it with apparmor_parser, or choose another one, ' +
      `"--lsm-profile apparmor:NAME"; ${WITHOUT}`,
  },
  {
    what: "one of a namespace",
    credentials: { profile: ":lxd:web" },
    profile: ":lxd:web",
    problem: `its profile ":lxd:web" is in a namespace of AppArmor, which cannot be restored; ${WITHOUT}`,
  },
  {
    what: "nothing confined it, and something would",
    appArmor: CONFINED,
    profile: "unconfined",
    problem: `nothing confined it, and cgrestore itself is under the profile "web"; ${WITHOUT}`,
  },
  {
    what: "a context",
    module: "selinux",
    credentials: { profile: "u:r:t:s0" },
    problem: `it has the context "u:r:t:s0" of SELinux, which cannot be restored; ${WITHOUT}`,
  },
  {
    what: "a context of sockets",
    module: "selinux",
    credentials: { socketContext: "u:r:s:s0" },
    problem: `it has the context "u:r:s:s0" of SELinux, which cannot be restored; ${WITHOUT}`,
  },
  {
    what: "one of who knows what",
    module: "none",
    credentials: WEB,
    problem: `it has the profile "web" of an unknown security module, which cannot be restored; ${WITHOUT}`,
  },
];

Deno.test("planProfile()", async (t) => {
  for (const row of ROWS) {
    await t.step(row.what, () => {
      const { module: securityModule = "apparmor", credentials = {}, profile, problem, chosen } = row;
      const appArmor = "appArmor" in row ? row.appArmor : FREE;
      const problems: Problem[] = [];
      const planned = planProfile({ credentials: credentials as Credentials }, {
        where: "task 7",
        securityModule,
        host: appArmor === undefined ? {} : { appArmor },
        chosen,
        problems,
      });
      assertEquals(planned, profile === undefined ? {} : { profile });
      assertEquals(problems.map(({ what }) => what), problem === undefined ? [] : [problem]);
    });
  }
});
