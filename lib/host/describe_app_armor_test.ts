import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { type Texts, textsSys } from "../../tests/support/texts_sys.ts";
import type { HostAppArmor } from "./host.ts";
import { describeAppArmor, nameOfProfile } from "./describe_app_armor.ts";

const ROWS: readonly (readonly [text: string, name: string])[] = [
  ["unconfined\n", "unconfined"],
  ["docker-default (enforce)\n", "docker-default"],
  ["/usr/sbin/a b//null-/bin/sh (complain)", "/usr/sbin/a b//null-/bin/sh"],
  ["a//&:ns:b (mixed)\n", "a//&:ns:b"],
  ["odd (name) (kill)\n", "odd (name)"],
];

for (const [text, name] of ROWS) {
  Deno.test(`nameOfProfile: ${JSON.stringify(text)} is ${name}`, () => assertEqual(nameOfProfile(text), name));
}

const OWN = "/proc/self/attr/apparmor/current";
const LOADED = "/sys/kernel/security/apparmor/profiles";

interface Host {
  readonly what: string;
  readonly files: Texts;
  readonly want: HostAppArmor | undefined;
}

const HOSTS: readonly Host[] = [
  { what: "no such module", files: {}, want: undefined },
  { what: "another module has the file", files: { [OWN]: { errno: "EINVAL" } }, want: undefined },
  {
    what: "confined, in a mount namespace without securityfs",
    files: { [OWN]: { text: "web (enforce)\n" } },
    want: { ownProfile: "web" },
  },
  {
    what: "only the privileged may see what is loaded",
    files: { [OWN]: { text: "unconfined\n" }, [LOADED]: { errno: "EACCES" } },
    want: { ownProfile: "unconfined" },
  },
  {
    what: "profiles are loaded",
    files: { [OWN]: { text: "unconfined\n" }, [LOADED]: { text: "web (enforce)\nweb//sub (complain)\n" } },
    want: { ownProfile: "unconfined", loadedProfiles: new Set(["web", "web//sub"]) },
  },
];

for (const { what, files, want } of HOSTS) {
  Deno.test(`describeAppArmor: ${what}`, () => assertEquals(describeAppArmor(textsSys(files)), want));
}
