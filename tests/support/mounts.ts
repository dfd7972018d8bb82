/** Mounts for tests of what is made of them. */
import type { Mount } from "../../lib/model/mounts.ts";

const MS_RELATIME = 1 << 21;

/** A root file system of a disk. */
export const ROOT_MOUNT: Mount = aMount({ id: 1, mountPoint: "/", device: 1, type: "" });

/** A mount on the root; a tmpfs with nothing in it unless something else is said. */
export function aMount({ id, ...part }: Partial<Mount> & Pick<Mount, "id" | "mountPoint">): Mount {
  const isTmpfs = (part.type ?? "tmpfs") === "tmpfs";
  const tree = [{ path: "", mode: 0o041777, uid: 0, gid: 0, changeTime: 0, size: 0, parts: [], device: 0 }];
  return {
    ...{ id, namespace: 0, root: "/", device: 100 + id, type: "tmpfs", source: "none", options: "" },
    ...part.mountPoint === "/" ? {} : { parent: 1 },
    ...{ flags: MS_RELATIME, superFlags: 0, isUnbindable: false, isDeleted: false, needsPlugin: false },
    ...isTmpfs ? { tree } : {},
    ...part,
  };
}
