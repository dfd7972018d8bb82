import { decodeText } from "../text.ts";
import type { Sys } from "./sys.ts";

/** Files of one directory, or its links, that are read ahead: each is taken by its name, in the order of these. */
export class FilesAhead implements Disposable {
  readonly #names: readonly string[];
  readonly #contents: ReturnType<Sys["readAhead"]>;
  #next = 0;

  /** Takes over `contents`, which are those of `names`. */
  constructor(names: readonly string[], contents: ReturnType<Sys["readAhead"]>) {
    this.#names = names;
    this.#contents = contents;
  }

  /** What has been read by this name, good until the next is taken; `undefined`: it is to be read by itself. */
  take(name: string): Uint8Array | undefined {
    const index = this.#names.indexOf(name, this.#next);
    if (index === -1) return undefined;
    let content: Uint8Array | undefined;
    for (; this.#next <= index; this.#next++) content = this.#contents.next().value ?? undefined;
    return content;
  }

  /** The same as text (`decodeText`). */
  takeText(name: string): string | undefined {
    const content = this.take(name);
    return content === undefined ? undefined : decodeText(content);
  }

  [Symbol.dispose](): void {
    this.#contents.return();
  }
}
