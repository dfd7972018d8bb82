import type { Problem } from "../../errors.ts";
import { ROOT_PATH } from "../../model/cgroup_path.ts";
import type { CgroupSet, Checkpoint, ControllerTree, DumpedCgroup, Property } from "../../model/checkpoint.ts";
import { controllersOf, type HierarchyName, UNIFIED } from "../../model/hierarchy.ts";
import { isLimit } from "../controller_properties.ts";
import { abridge } from "../tell_losses.ts";
import { ownsPath, usedSets } from "../used_sets.ts";
import type { Conversion } from "./convert_checkpoint.ts";

/**
 * Converts a checkpoint from a host with cgroup v2 for one that has v1; `undefined` for what is as it would be there.
 *
 * A task has its place in every hierarchy with controllers then, and in that of systemd. There are no limits to convert:
 * CRIU keeps none of v2.
 *
 * @param present the host's hierarchies
 * @param isMoved whether places in the root are other ones here
 */
export function convertToV1(
  checkpoint: Checkpoint,
  { present, isMoved }: { readonly present: readonly HierarchyName[]; readonly isMoved: boolean },
): Conversion | undefined {
  const used = [...usedSets(checkpoint).keys()];
  const members = used.flatMap((set) => set.members);
  const isForeign = members.every(({ hierarchy }) => hierarchy === UNIFIED);
  if (!isForeign || !isMoved && members.every(({ path }) => path === ROOT_PATH)) return undefined;
  const targets = present.filter((name) => name === "name=systemd" || controllersOf(name).length > 0);
  const places = members.map(({ path }) => path);
  const dumped = checkpoint.controllers.find(({ hierarchy }) => hierarchy === UNIFIED)?.directories ?? [];
  const directories = dumped.filter(({ path }) => ownsPath(places, path));
  return {
    checkpoint: {
      ...checkpoint,
      sets: new Map(used.map((set) => [set.id, convertSet(set, targets)])),
      controllers: targets.map((name) => convertTree(name, directories)),
    },
    notes: ["the checkpoint is from a host with cgroup v2, and is converted for v1"],
    losses: directories.flatMap(lossesOf),
  };
}

function convertSet({ id, members }: CgroupSet, targets: readonly HierarchyName[]): CgroupSet {
  return { id, members: targets.flatMap((hierarchy) => members.map((member) => ({ ...member, hierarchy }))) };
}

function convertTree(hierarchy: HierarchyName, directories: readonly DumpedCgroup[]): ControllerTree {
  const isFreezer = controllersOf(hierarchy).includes("freezer");
  return {
    hierarchy,
    directories: directories.map(({ properties, ...directory }) => ({
      ...directory,
      properties: properties.flatMap((property): Property[] => {
        if (property.name === "cgroup.procs") return [property];
        return isFreezer && isFrozen(property) ? [{ name: "freezer.state", value: "FROZEN" }] : [];
      }),
    })),
  };
}

function isFrozen({ name, value }: Property): boolean {
  return name === "cgroup.freeze" && value === "1";
}

/** In v1, every cgroup has all controllers of its hierarchy, and may have single threads. */
const MEANINGLESS: readonly string[] = ["cgroup.subtree_control", "cgroup.type"];

function lossesOf({ path, properties }: DumpedCgroup): Problem[] {
  const lost = properties.filter((property) => (
    isLimit(2, property.name, property.value) && !MEANINGLESS.includes(property.name) && !isFrozen(property)
  ));
  if (lost.length === 0) return [];
  const values = abridge(lost.map(({ name, value }) => `${name} "${value}"`));
  return [{ where: `cgroup "${path}"`, what: `cgroup v1 has nothing like ${values}` }];
}
