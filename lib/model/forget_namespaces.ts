import type { Checkpoint, NamespaceKind } from "./checkpoint.ts";
import type { NamespaceContents } from "./namespaces.ts";

const CONTENTS: Partial<Record<NamespaceKind, keyof NamespaceContents>> = { uts: "uts", ipc: "ipc", time: "clocks" };

/** A checkpoint that tells nothing of what the tasks had in uts, ipc and time namespaces of these kinds. */
export function forgetNamespaces(checkpoint: Checkpoint, kinds: readonly NamespaceKind[]): Checkpoint {
  const { contents } = checkpoint;
  if (contents === undefined || kinds.length === 0) return checkpoint;
  const namespaces = { ...contents.namespaces };
  for (const kind of kinds) {
    const name = CONTENTS[kind];
    if (name !== undefined) delete namespaces[name];
  }
  return {
    ...checkpoint,
    namespaces: new Set([...checkpoint.namespaces].filter((kind) => !kinds.includes(kind))),
    contents: { ...contents, namespaces },
  };
}
