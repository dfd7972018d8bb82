import type { Contents } from "../../../model/contents.ts";
import type { NamespaceContents } from "../../../model/namespaces.ts";

/** Files of the checkpoint that are read while the tasks are restored. */
export function imagesOf(
  { tasks, segments, files }: Pick<Contents, "tasks" | "segments" | "files">,
  { ipc }: NamespaceContents,
): string[] {
  const images = new Set<string>();
  const runs = [...tasks.values()].map(({ memory }) => memory.pages);
  for (const { pages } of segments.values()) runs.push(pages);
  for (const { content } of ipc?.segments ?? []) {
    if (content.kind === "pages") runs.push(content.pages);
    else images.add(content.file);
  }
  for (const { file } of runs.flat()) images.add(file);
  for (const file of files.values()) {
    if (file.kind === "path" && file.remap?.kind === "ghost") images.add(file.remap.ghost.content.path);
  }
  return [...images].sort();
}
