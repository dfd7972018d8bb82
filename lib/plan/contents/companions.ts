import type { OpenFile } from "../../model/open_file.ts";

type FileOf<Kind extends OpenFile["kind"]> = Extract<OpenFile, { readonly kind: Kind }>;

/** Which open files are of one object, and are planned together: there may be thousands of either. */
export class Companions {
  readonly #files: ReadonlyMap<string, readonly OpenFile[]>;

  constructor(files: Iterable<OpenFile>) {
    this.#files = Map.groupBy(files, objectOf);
  }

  /** Those of the object of a file, itself included, in the order of the images. */
  of<Kind extends OpenFile["kind"]>(file: FileOf<Kind> & { readonly kind: Kind }): readonly FileOf<Kind>[] {
    const isLike = (other: OpenFile): other is FileOf<Kind> => other.kind === file.kind;
    return this.#get(objectOf(file)).filter(isLike);
  }

  /** Openings of a file without a name. */
  ofGhost(ghost: number): readonly FileOf<"path">[] {
    return this.#get(ghostKey(ghost)).filter((file) => file.kind === "path");
  }

  #get(object: string): readonly OpenFile[] {
    return this.#files.get(object) ?? [];
  }
}

/** What a file is an opening or an end of, or the port of a socket; where others do not matter, the file itself. */
function objectOf(file: OpenFile): string {
  switch (file.kind) {
    case "pipe":
    case "fifo":
      return `${file.kind} ${file.pipe.id}`;
    case "terminal":
      return `terminal ${file.terminal.id}`;
    case "pidfd":
      return file.pid === undefined ? `ended process ${file.inode}` : `pidfd ${file.id}`;
    case "path":
      return file.remap?.kind === "ghost" ? ghostKey(file.remap.ghost.id) : `file ${file.id}`;
    case "inet":
      return file.local.port === 0 ? `socket ${file.id}` : portKey(file);
    default:
      return `file ${file.id}`;
  }
}

function portKey({ local, type, protocol, network }: FileOf<"inet">): string {
  return `port ${local.port} of ${type} ${protocol} in net ${network}`;
}

function ghostKey(ghost: number): string {
  return `ghost ${ghost}`;
}
