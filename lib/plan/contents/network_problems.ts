import type { Problem } from "../../errors.ts";
import type { NamespaceKind } from "../../model/checkpoint.ts";
import type { Contents } from "../../model/contents.ts";
import { nameInetSocket } from "../../model/inet_protocol.ts";
import type { OpenFile } from "../../model/open_file.ts";

/** Sockets that cannot be made, because the tasks have a network of their own. */
export function networkProblems({ files }: Pick<Contents, "files">, namespaces: ReadonlySet<NamespaceKind>): Problem[] {
  if (!namespaces.has("net")) return [];
  return [...files.values()].flatMap((file) => {
    const where = nameSocket(file);
    return where === undefined ? [] : [{ where, what: "it is in another network namespace, which cannot be restored" }];
  });
}

function nameSocket(file: OpenFile): string | undefined {
  switch (file.kind) {
    case "inet":
      return nameInetSocket(file);
    case "netlink":
    case "packet":
      return `${file.kind} socket of protocol ${file.protocol}`;
    default:
      return undefined;
  }
}
