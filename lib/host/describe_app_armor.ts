import { orUndefined } from "../errors.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { HostAppArmor } from "./host.ts";

/** In securityfs (Documentation/admin-guide/LSM/apparmor.rst). */
const LOADED = "/sys/kernel/security/apparmor/profiles";

/**
 * What AppArmor is like here; `undefined` where it is not in force: reading the profile is EINVAL then, or the directory
 * is not there, as in kernels before 5.8.
 */
export function describeAppArmor(sys: Sys): HostAppArmor | undefined {
  const own = orUndefined(["ENOENT", "EINVAL", "EACCES"], () => readText(sys, "/proc/self/attr/apparmor/current"));
  if (own === undefined) return undefined;
  const loaded = orUndefined(["ENOENT", "EACCES", "EPERM"], () => readText(sys, LOADED));
  const names = loaded?.split("\n").filter((line) => line !== "").map(nameOfProfile);
  return { ownProfile: nameOfProfile(own), ...names === undefined ? {} : { loadedProfiles: new Set(names) } };
}

/** The name in `"docker-default (enforce)\n"`; what is not confined has no mode. */
export function nameOfProfile(text: string): string {
  return text.replace(/\0?\n?$/, "").replace(/ \([a-z]+\)$/, "");
}
