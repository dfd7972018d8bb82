import { UNIFIED } from "../../../lib/model/hierarchy.ts";
import { OwnCgroups } from "../../support/own_cgroups.ts";

/** Makes v2 cgroups, to which links lead in a program's directory. They are removed when this is disposed. */
export function linkCgroups(directory: string, names: readonly string[]): OwnCgroups {
  const own = new OwnCgroups();
  const top = `/${own.id}`;
  own.make({ hierarchy: UNIFIED, path: top });
  for (const name of names) {
    own.make({ hierarchy: UNIFIED, path: `${top}/${name}` });
    Deno.symlinkSync(`${own.mountPoint(UNIFIED)}${top}/${name}`, `${directory}/${name}`);
  }
  return own;
}

/** A command that runs another one in a cgroup with this directory. */
export function inCgroup(directory: string): readonly string[] {
  return ["sh", "-c", `echo $$ >${directory}/cgroup.procs && exec "$0" "$@"`];
}
