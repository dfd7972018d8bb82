/** Makes a chain of incremental images of a dump, as `criu pre-dump --track-mem` would have left it. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { splitFrames } from "../../../lib/image/frame.ts";
import { magicsOf } from "../../../lib/image/magic.ts";
import { PAGE_SIZE } from "../../../lib/model/address_space.ts";
import { pagemap_entrySchema, pagemap_headSchema } from "../../gen/pagemap_pb.ts";
import { frameEntries } from "../../support/build_images.ts";

const VERSION = 2;
const IN_PARENT = 1;
const PRESENT = 4;

/** Where the page is that counts: a number of the chain, 0 for the last checkpoint. */
type Level = 0 | 1 | 2;

/**
 * Moves two thirds of all private pages to two parent checkpoints, one upon the other, in directories beside `images`.
 * Of pages that are not in the oldest one alone, those before have something else.
 */
export function splitPages(images: string): void {
  const directories = [images, `${images}-parent`, `${images}-oldest`];
  for (const [level, directory] of directories.entries()) {
    if (level > 0) Deno.mkdirSync(directory);
    const parent = directories[level + 1];
    if (parent === undefined) continue;
    Deno.symlinkSync(`../${parent.slice(parent.lastIndexOf("/") + 1)}`, `${directory}/parent`);
  }
  for (const { name } of [...Deno.readDirSync(images)]) {
    if (/^pagemap-\d+\.img$/.test(name)) splitPagemap(directories, name);
  }
  Deno.copyFileSync(`${images}/inventory.img`, `${directories[1]}/inventory.img`);
  Deno.copyFileSync(`${images}/inventory.img`, `${directories[2]}/inventory.img`);
}

/** Consecutive pages of one kind. */
interface Run {
  readonly address: bigint;
  count: number;
  readonly flags: number;
}

function splitPagemap(directories: readonly string[], name: string): void {
  const [images = ""] = directories;
  const [head, ...frames] = splitFrames(
    Deno.readFileSync(`${images}/${name}`),
    { type: "pagemap", file: name, version: VERSION },
    [],
  );
  if (head === undefined) throw new Error(`Cannot split ${name}: it has no head`);
  const { pagesId } = fromBinary(pagemap_headSchema, head.payload);
  const pages = Deno.readFileSync(`${images}/pages-${pagesId}.img`);
  const runs: Run[][] = [[], [], []];
  const contents: Uint8Array[][] = [[], [], []];
  let offset = 0;
  let number = 0;
  for (const frame of frames) {
    const { vaddr, nrPages, compatNrPages } = fromBinary(pagemap_entrySchema, frame.payload);
    for (let page = 0; page < Number(nrPages || compatNrPages); page++, offset += PAGE_SIZE) {
      const bytes = pages.subarray(offset, offset + PAGE_SIZE);
      const level = number++ % 3 as Level;
      for (let at = 2; at >= level; at--) {
        // What is older than the page that counts has been overwritten since.
        contents[at]?.push(at === level ? bytes : new Uint8Array(PAGE_SIZE).fill(number));
        append(runs[at] ?? [], vaddr + BigInt(page * PAGE_SIZE), PRESENT);
      }
      for (let at = 0; at < level; at++) append(runs[at] ?? [], vaddr + BigInt(page * PAGE_SIZE), IN_PARENT);
    }
  }
  for (const [level, directory] of directories.entries()) {
    const payloads = (runs[level] ?? []).map(({ address, count, flags }) =>
      toBinary(pagemap_entrySchema, {
        $typeName: "cgrestore.images.pagemap_entry",
        vaddr: address,
        compatNrPages: count,
        inParent: false,
        flags,
        nrPages: BigInt(count),
      })
    );
    const bytes = frameEntries(magicsOf("pagemap", VERSION), [head.payload, ...payloads]);
    Deno.writeFileSync(`${directory}/${name}`, bytes);
    Deno.writeFileSync(`${directory}/pages-${pagesId}.img`, concatenate(contents[level] ?? []));
  }
}

function append(runs: Run[], address: bigint, flags: number): void {
  const last = runs.at(-1);
  const follows = last?.flags === flags && last.address + BigInt(last.count * PAGE_SIZE) === address;
  if (last !== undefined && follows) last.count++;
  else runs.push({ address, count: 1, flags });
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.length * PAGE_SIZE);
  pieces.forEach((piece, index) => bytes.set(piece, index * PAGE_SIZE));
  return bytes;
}
