import type { Problem } from "../../errors.ts";
import type { ContentImages } from "../../image/content_images.ts";
import type { OpenFile } from "../open_file.ts";
import type { UnixSocket } from "./unix_socket.ts";

/** What unix sockets and their packets refer to must be there. */
export function checkUnixSockets(
  { packets }: Pick<ContentImages, "packets">,
  files: ReadonlyMap<number, OpenFile>,
  problems: Problem[],
): void {
  const sockets = [...files.values()].filter((file) => file.kind === "unix");
  const inodes = new Set<number>();
  for (const { inode } of sockets) {
    if (inodes.has(inode)) problems.push({ where: whereOf(inode), what: "it occurs more than once in files.img" });
    inodes.add(inode);
  }
  for (const { inode, peer } of sockets) {
    if (peer === 0 || inodes.has(peer)) continue;
    problems.push({ where: whereOf(inode), what: `its peer ${peer} is not in files.img` });
  }
  packets.forEach(({ entry: { idFor, scm } }, index) => {
    const where = `sk-queues.img, entry ${index}`;
    if (!files.has(idFor)) problems.push({ where, what: `it is for file ${idFor}, which is not in files.img` });
    for (const file of scm.flatMap(({ rights }) => rights)) {
      if (!files.has(file)) problems.push({ where, what: `file ${file} comes with it, which is not in files.img` });
    }
  });
}

function whereOf(inode: UnixSocket["inode"]): string {
  return `files.img, unix socket ${inode}`;
}
