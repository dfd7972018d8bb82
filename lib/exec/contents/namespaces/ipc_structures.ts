import type { IpcObject } from "../../../model/namespaces.ts";

/**
 * Sizes of `struct shmid64_ds`, `msqid64_ds` and `semid64_ds`, and offsets in them; `struct ipc64_perm` comes first in
 * all of them (asm-generic/shmbuf.h, msgbuf.h, ipcbuf.h and asm/sembuf.h, on 64 bits).
 */
export const SHMID_SIZE = 112;
export const MSQID_SIZE = 120;
export const SEMID_SIZE = 104;
export const SHM_SEGSZ = 48;
export const MSG_QNUM = 80;
export const MSG_QBYTES = 88;
const IPC_KEY = 0;
const IPC_UID = 4;
const IPC_GID = 8;
const IPC_CUID = 12;
const IPC_CGID = 16;
const IPC_MODE = 20;

/** In the mode of shared memory, beside the permission bits. */
export const SHM_LOCKED = 0o2000;
const PERMISSIONS = 0o777;

export const IPC_RMID = 0;
export const IPC_SET = 1;
export const IPC_STAT = 2;
export const SHM_LOCK = 11;
export const GETALL = 13;
export const SETALL = 17;

/** What IPC_SET takes of an object: its owner and its mode, in a structure of `size` bytes. */
export function describeOwner({ uid, gid, mode }: IpcObject, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(IPC_UID, uid, true);
  view.setUint32(IPC_GID, gid, true);
  view.setUint32(IPC_MODE, mode, true);
  return bytes;
}

/** What IPC_STAT tells of an object. */
export function decodeObject(id: number, view: DataView): IpcObject {
  const word = (offset: number) => view.getUint32(offset, true);
  return {
    id,
    key: word(IPC_KEY),
    mode: word(IPC_MODE) & PERMISSIONS,
    uid: word(IPC_UID),
    gid: word(IPC_GID),
    creatorUid: word(IPC_CUID),
    creatorGid: word(IPC_CGID),
  };
}

/** The mode of shared memory, with the bits beside its permissions. */
export function shmMode(view: DataView): number {
  return view.getUint32(IPC_MODE, true);
}
