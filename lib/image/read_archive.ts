import { S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { MAX_REGULAR_SIZE } from "../sys/files.ts";
import { decodeText } from "../text.ts";
import type { ArchivedFile } from "./content_images.ts";
import { gunzip } from "./gunzip.ts";

const BLOCK = 512;

/** Types of entries (tar(5)) and the type of file in st_mode. */
const FILE_TYPES: ReadonlyMap<string, number> = new Map([
  ["\0", 0o100000],
  ["0", 0o100000],
  ["S", 0o100000],
  ["1", 0o100000],
  ["2", 0o120000],
  ["3", 0o020000],
  ["4", 0o060000],
  ["5", 0o040000],
  ["6", 0o010000],
]);
const HARD_LINK = "1";
const SYMBOLIC_LINK = "2";
const SPARSE = "S";
/** What follows is a long name, or what a long link leads to, of the next entry. */
const LONG_NAME = "L";
const LONG_LINK = "K";

/** The files of an archive as `tar --gzip --sparse` makes it (GNU format), or what is wrong with it. */
export function readArchive(compressed: Uint8Array): ArchivedFile[] | string {
  const bytes = gunzip(compressed, MAX_REGULAR_SIZE);
  return typeof bytes === "string" ? bytes : readTar(bytes);
}

/** The files of a tar archive in GNU's format, or what is wrong with it. */
export function readTar(bytes: Uint8Array): ArchivedFile[] | string {
  const files = new Map<string, ArchivedFile>();
  let names: LongNames = {};
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0;) {
    const header = bytes.subarray(at, at + BLOCK);
    const where = `at offset ${at} of the archive`;
    if (!isIntact(header)) return `the header ${where} is damaged`;
    const type = String.fromCharCode(header[TYPE] ?? 0);
    const map = type === SPARSE ? readSparseMap(bytes, at) : undefined;
    const start = map?.end ?? at + BLOCK;
    const stored = type === HARD_LINK ? 0 : numberAt(header, SIZE);
    const content = bytes.subarray(start, start + stored);
    if (content.length < stored) return `${stored} bytes are to follow ${where}, but ${content.length} are left`;
    at = start + Math.ceil(stored / BLOCK) * BLOCK;
    if (type === LONG_NAME) names = { ...names, name: textOf(content) };
    else if (type === LONG_LINK) names = { ...names, link: textOf(content) };
    else {
      const file = buildFile(header, { names, content, map });
      if (typeof file === "string") return `${file} ${where}`;
      // Through anything else, a name could lead out of what is written.
      if (!isInDirectory(file, files)) return `there is a file in what is no directory ${where}`;
      const same = file.sameAs === undefined ? undefined : files.get(file.sameAs);
      if (file.sameAs !== undefined && same === undefined) return `there is a link to a file that comes later ${where}`;
      if (files.has(file.path)) return `there is a file once more ${where}`;
      files.set(file.path, same === undefined ? file : { ...file, size: same.size });
      names = {};
    }
  }
  return [...files.values()];
}

function isInDirectory({ path }: ArchivedFile, files: ReadonlyMap<string, ArchivedFile>): boolean {
  const end = path.lastIndexOf("/");
  const above = files.get(path.slice(0, end));
  return end === -1 || above !== undefined && (above.mode & S_IFMT) === S_IFDIR;
}

/** Names that have no room in the header of their entry. */
interface LongNames {
  readonly name?: string;
  readonly link?: string;
}

/** Where a sparse file has something. */
interface SparseMap {
  readonly parts: readonly { readonly position: number; readonly length: number }[];
  readonly size: number;
  /** Offset behind the headers, where the content begins. */
  readonly end: number;
}

/** Where the fields of a header are, and how long each is. */
type Field = readonly [offset: number, length: number];
const NAME: Field = [0, 100];
const MODE: Field = [100, 8];
const UID: Field = [108, 8];
const GID: Field = [116, 8];
const SIZE: Field = [124, 12];
const TIME: Field = [136, 12];
const CHECKSUM: Field = [148, 8];
const TYPE = 156;
const LINK: Field = [157, 100];
const MAJOR: Field = [329, 8];
const MINOR: Field = [337, 8];
const PREFIX: Field = [345, 155];
/** `ustar` and a NUL begin the format of POSIX, whose names have a prefix. */
const MAGIC: Field = [257, 6];

/** Of sparse files: four pairs of position and length, whether a header follows that has 21 more, and the whole size. */
const SPARSE_PAIRS = { first: 386, more: 0 };
const SPARSE_COUNT = { first: 4, more: 21 };
const SPARSE_GOES_ON = { first: 482, more: 504 };
const REAL_SIZE: Field = [483, 12];
const NUMBER = 12;

function buildFile(
  header: Uint8Array,
  { names, content, map }: {
    readonly names: LongNames;
    readonly content: Uint8Array;
    readonly map: SparseMap | undefined;
  },
): ArchivedFile | string {
  const type = String.fromCharCode(header[TYPE] ?? 0);
  const fileType = FILE_TYPES.get(type);
  if (fileType === undefined) return `there is an entry of the unknown type ${JSON.stringify(type)}`;
  const path = plainPath(names.name ?? shortName(header));
  const link = names.link ?? textOf(slice(header, LINK));
  const sameAs = type === HARD_LINK ? plainPath(link) : undefined;
  if (path === undefined || (type === HARD_LINK && sameAs === undefined)) return "there is a name that leads back";
  const [major, minor] = [numberAt(header, MAJOR), numberAt(header, MINOR)];
  return {
    path,
    mode: fileType | numberAt(header, MODE) & 0o7777,
    uid: numberAt(header, UID),
    gid: numberAt(header, GID),
    changeTime: numberAt(header, TIME),
    size: map?.size ?? content.length,
    parts: partsOf(content, map),
    ...type === SYMBOLIC_LINK ? { target: link } : {},
    ...sameAs === undefined ? {} : { sameAs },
    device: (minor & 0xff) | major << 8 | (minor & ~0xff) << 12,
  };
}

function shortName(header: Uint8Array): string {
  const name = textOf(slice(header, NAME));
  const prefix = textOf(slice(header, MAGIC)) === "ustar" ? textOf(slice(header, PREFIX)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** `./a/b/` is `a/b`, and `./` nothing. */
function plainPath(name: string): string | undefined {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : parts.join("/");
}

function partsOf(content: Uint8Array, map: SparseMap | undefined): ArchivedFile["parts"] {
  if (map === undefined) return content.length === 0 ? [] : [{ position: 0, bytes: content }];
  let done = 0;
  return map.parts.map(({ position, length }) => {
    const bytes = content.subarray(done, done + length);
    done += length;
    return { position, bytes };
  });
}

function readSparseMap(bytes: Uint8Array, header: number): SparseMap {
  const parts: { position: number; length: number }[] = [];
  let kind: "first" | "more" = "first";
  let at = header;
  for (;;) {
    const block = bytes.subarray(at, at + BLOCK);
    for (let index = 0; index < SPARSE_COUNT[kind]; index++) {
      const pair = SPARSE_PAIRS[kind] + 2 * NUMBER * index;
      if ((block[pair] ?? 0) === 0) break;
      const length = numberAt(block, [pair + NUMBER, NUMBER]);
      if (length > 0) parts.push({ position: numberAt(block, [pair, NUMBER]), length });
    }
    at += BLOCK;
    if ((block[SPARSE_GOES_ON[kind]] ?? 0) === 0) break;
    kind = "more";
  }
  return { parts, size: numberAt(bytes.subarray(header), REAL_SIZE), end: at };
}

/** The checksum is the sum of all bytes, with blanks where it is itself. */
function isIntact(header: Uint8Array): boolean {
  const [start, length] = CHECKSUM;
  const sum = header.reduce((sum, byte, index) => sum + (index >= start && index < start + length ? 0x20 : byte), 0);
  return sum === numberAt(header, CHECKSUM);
}

/** Octal digits, or where these have no room a number of base 256 that begins with a bit. */
function numberAt(block: Uint8Array, field: Field): number {
  const bytes = slice(block, field);
  const first = bytes[0] ?? 0;
  if ((first & 0x80) === 0) return parseInt(textOf(bytes).trim(), 8) || 0;
  return bytes.subarray(1).reduce((value, byte) => value * 256 + byte, first & 0x3f);
}

function slice(block: Uint8Array, [offset, length]: Field): Uint8Array {
  return block.subarray(offset, offset + length);
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeText(end === -1 ? bytes : bytes.subarray(0, end));
}
