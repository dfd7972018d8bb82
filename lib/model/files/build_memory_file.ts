import type { MemfdFileEntry, MemfdInodeEntry } from "../../gen/memfd.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import { EntryIndex } from "../entry_index.ts";
import type { MemoryFile, MemoryInode } from "./memory_file.ts";

const inodes = new EntryIndex<MemfdInodeEntry>(({ inodeId }) => Number(inodeId));

export function buildMemoryFile(
  id: number,
  { flags, pos: position, fown, inodeId }: MemfdFileEntry,
  { images, problems, where }: FilesContext & { readonly where: string },
): MemoryFile {
  const entry = inodes.find(images.memfds, inodeId);
  if (entry === undefined) problems.push({ where, what: `memfd.img has no inode ${inodeId}` });
  const inode = buildInode(inodeId, entry);
  return { kind: "memfd", id, flags, ...buildOwner(fown), position, inode };
}

function buildInode(id: number, entry: MemfdInodeEntry | undefined): MemoryInode {
  return {
    id,
    name: entry?.name ?? "",
    uid: entry?.uid ?? 0,
    gid: entry?.gid ?? 0,
    size: entry?.size ?? 0,
    segment: entry?.shmid ?? 0,
    seals: entry?.seals ?? 0,
    hugeFlags: entry?.hugetlbFlag ?? 0,
    ...entry?.mode === undefined ? {} : { mode: entry.mode },
  };
}
