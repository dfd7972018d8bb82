import { ImageError, type Problem } from "../errors.ts";
import type { InventoryEntry } from "../gen/inventory.ts";
import type { Images } from "../image/images.ts";
import { buildArchitecture } from "./build_architecture.ts";
import { buildContents } from "./build_contents.ts";
import { buildControllers } from "./build_controllers.ts";
import { buildNamespaces } from "./build_namespaces.ts";
import { buildSets } from "./build_sets.ts";
import { buildTasks } from "./build_tasks.ts";
import type { Checkpoint } from "./checkpoint.ts";

/**
 * Makes a checkpoint of decoded images, and checks it in full.
 *
 * @throws {ImageError} with everything that is wrong with it
 */
export function buildCheckpoint(images: Images): Checkpoint {
  const problems: Problem[] = [];
  const { version, inventory, cgroup, cores } = images;
  const ownSet = ownSetOf(inventory, problems);
  const sets = buildSets(cgroup?.sets ?? [], { ownSet, problems });
  const controllers = buildControllers(cgroup?.controllers ?? [], { sets: sets.values(), problems });
  const isSet = (id: number) => id === ownSet || sets.has(id);
  const tasks = buildTasks(images, { isSet, problems });
  const namespaces = buildNamespaces(images, { tasks, sets, problems });
  const architecture = buildArchitecture(cores, problems);
  const contents = images.contents === undefined
    ? {}
    : { contents: buildContents({ images: { ...images, contents: images.contents }, tasks, problems }) };
  if (problems.length > 0 || architecture === undefined) {
    throw new ImageError("Cannot use the checkpoint: its images contradict themselves or each other", problems);
  }
  const own = ownSet === undefined ? {} : { ownSet };
  return { imageVersion: version, architecture, ...own, tasks, sets, controllers, ...namespaces, ...contents };
}

/** The set of the dumping CRIU; absent in unprivileged dumps. */
function ownSetOf(inventory: InventoryEntry, problems: Problem[]): number | undefined {
  if (!Object.hasOwn(inventory, "rootCgSet")) return undefined;
  const id = inventory.rootCgSet;
  if (id !== 0) return id;
  problems.push({ where: "inventory.img, entry 0", what: "the root cgroup set is 0, which is corrupted" });
  return undefined;
}
