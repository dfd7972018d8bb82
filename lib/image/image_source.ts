import { ImageError, type Problem, SysError, throwProblems } from "../errors.ts";
import { S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { readBeginning, readRegularFile } from "../sys/files.ts";
import { FilesAhead } from "../sys/files_ahead.ts";
import type { Sys } from "../sys/sys.ts";
import type { ReadMessage } from "../wire/message_reader.ts";
import type { WithBytes } from "./content_images.ts";
import { decodeEntries, decodeEntriesWithBytes, decodeFirst, decodeSingle, type WithBytesReader } from "./decode.ts";
import { type ImageKind, splitFrames } from "./frame.ts";
import { type ImageType, type ImageVersion, magicsOf } from "./magic.ts";

/** Reading ends here, so that a damaged list of a million threads is not answered with a million lines. */
const MAX_PROBLEMS = 1000;

/** An image file, by its type and its name in the directory. */
export interface ImageFile {
  readonly type: ImageType;
  readonly file: string;
}

/** A directory of images: reads and decodes files, and collects what is wrong with them. */
export class ImageSource {
  /** Decides the framing of all files but the inventory. */
  version: ImageVersion = 2;
  #ahead: FilesAhead | undefined;

  /** @param prefix what comes before the names of files where problems are told: `"parent/"` */
  constructor(
    readonly sys: Sys,
    readonly directory: string,
    readonly problems: Problem[] = [],
    readonly prefix = "",
  ) {}

  /**
   * Reads `files` ahead while `use` asks for them, in this order: a checkpoint has thousands. Those that it does not ask
   * for do no harm.
   */
  readingAhead<T>(files: readonly string[], use: () => T): T {
    using ahead = new FilesAhead(files, this.sys.readAhead(this.directory, files));
    this.#ahead = ahead;
    try {
      return use();
    } finally {
      this.#ahead = undefined;
    }
  }

  /** The one entry of a file, which has to be there. */
  single<T>(read: ReadMessage<T>, image: ImageFile): T | undefined {
    const bytes = this.bytes(image.file);
    return bytes === undefined ? undefined : decodeSingle(read, bytes, this.#options(image));
  }

  /** The one entry of a file; `undefined` as well where there is no such file. */
  optionalSingle<T>(read: ReadMessage<T>, image: ImageFile): T | undefined {
    const bytes = this.#optionalBytes(image);
    return bytes === undefined ? undefined : decodeSingle(read, bytes, this.#options(image));
  }

  /** All entries of a file, which has to be there. */
  entries<T>(read: ReadMessage<T>, image: ImageFile): T[] {
    const bytes = this.bytes(image.file);
    return bytes === undefined ? [] : decodeEntries(read, bytes, this.#options(image));
  }

  /** All entries of a file; none where there is no such file. */
  optionalEntries<T>(read: ReadMessage<T>, image: ImageFile): T[] {
    const bytes = this.#optionalBytes(image);
    return bytes === undefined ? [] : decodeEntries(read, bytes, this.#options(image));
  }

  /** All entries of a file with the bytes that follow each; none where there is no such file. */
  entriesWithBytes<T>(reader: WithBytesReader<T>, image: ImageFile): WithBytes<T>[] {
    const bytes = this.#optionalBytes(image);
    return bytes === undefined ? [] : decodeEntriesWithBytes(reader, bytes, this.#options(image));
  }

  /** The first entry of a file that may be very large, where its content begins, and how large it is. */
  first<T>(read: ReadMessage<T>, image: ImageFile): { entry: T; end: number; size: number } | undefined {
    try {
      const { bytes, size } = readBeginning(this.sys, `${this.directory}/${image.file}`);
      const decoded = decodeFirst(read, bytes, this.#options(image));
      return decoded === undefined ? undefined : { ...decoded, size };
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.complain(image.file, `the file is not readable: ${error.message}`);
      return undefined;
    }
  }

  /** The checkpoint that this one was made upon (incremental dumps), if there is one. */
  parent(): ImageSource {
    const parent = new ImageSource(this.sys, `${this.directory}/parent`, this.problems, `${this.prefix}parent/`);
    parent.version = this.version;
    return parent;
  }

  /** Whether that can be looked into; a link that is missing is told once. */
  hasParent(): boolean {
    const path = `${this.directory}/parent`;
    try {
      if ((this.sys.stat(path).mode & S_IFMT) === S_IFDIR) return true;
      this.#complainOnce("parent", "it leads to no directory, and pages are in the checkpoint that it stands for");
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#complainOnce(
        "parent",
        "the link to the checkpoint that this one was made upon is missing, or leads nowhere",
      );
    }
    return false;
  }

  #complainOnce(file: string, what: string): void {
    const where = `${this.prefix}${file}`;
    if (!this.problems.some((problem) => problem.where === where && problem.what === what)) this.complain(file, what);
  }

  /** Bytes of a file of pages; 0 where there is none. */
  sizeOf(path: string): number {
    try {
      return this.sys.stat(path).size;
    } catch (error) {
      if (error instanceof SysError) return 0;
      throw error;
    }
  }

  /** The bytes of a file; `undefined` when it cannot be read, which is a problem unless it is optional and missing. */
  bytes(file: string, { optional = false } = {}): Uint8Array | undefined {
    const read = this.#ahead?.take(file);
    if (read !== undefined) return read.slice();
    try {
      return readRegularFile(this.sys, `${this.directory}/${file}`);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.code !== "ENOENT") this.complain(file, `the file is not readable: ${error.message}`);
      else if (!optional) this.complain(file, "there is no such file");
      return undefined;
    }
  }

  complain(where: string, what: string): void {
    this.problems.push({ where: `${this.prefix}${where}`, what });
  }

  /** Whether so many problems were found that the rest is not worth reading; says so once. */
  get isHopeless(): boolean {
    if (this.problems.length < MAX_PROBLEMS) return false;
    if (this.problems.length === MAX_PROBLEMS) {
      this.complain("pstree.img", `reading ended after ${MAX_PROBLEMS} problems, there can be more`);
    }
    return true;
  }

  /** @throws {ImageError} when there are problems */
  throwProblems(): void {
    throwProblems(
      ImageError,
      `Cannot read the checkpoint in "${this.directory}": its images are damaged or incomplete`,
      this.problems,
    );
  }

  /** A file that is missing, empty, or has nothing but its magic says nothing; its magic is checked all the same. */
  #optionalBytes(image: ImageFile): Uint8Array | undefined {
    const bytes = this.bytes(image.file, { optional: true });
    if (bytes === undefined || bytes.length === 0) return undefined;
    if (bytes.length > 4 * magicsOf(image.type, this.version).length) return bytes;
    splitFrames(bytes, this.kindOf(image), this.problems);
    return undefined;
  }

  kindOf(image: ImageFile): ImageKind {
    return { ...image, file: `${this.prefix}${image.file}`, version: this.version };
  }

  #options(image: ImageFile): { kind: ImageKind; problems: Problem[] } {
    return { kind: this.kindOf(image), problems: this.problems };
  }
}
