/** System V objects for tests. */
import type { IpcNamespace, IpcObject, IpcSegment } from "../../lib/model/namespaces.ts";

export const AN_OBJECT: IpcObject = { id: 3, key: 0x77, mode: 0o640, uid: 0, gid: 0, creatorUid: 0, creatorGid: 0 };

/** A segment of two pages without content. */
export function aSegment(segment: Partial<IpcSegment> = {}): IpcSegment {
  const content = { kind: "pages", pages: [] } as const;
  return { ...AN_OBJECT, size: 8192, hugeFlags: 0, isRemoved: false, isLocked: false, content, ...segment };
}

/** An ipc namespace with nothing in it. */
export function anIpcNamespace(ipc: Partial<IpcNamespace> = {}): IpcNamespace {
  return { sysctls: new Map(), nextIds: new Map(), segments: [], queues: [], semaphores: [], ...ipc };
}
