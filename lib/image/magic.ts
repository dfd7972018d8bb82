/** First word of every image file of v1.1 but inventory.img (`IMG_COMMON_MAGIC`, criu/include/magic.h). */
export const COMMON_MAGIC = 0x54564319;

/** The word that tells the type of an image file (criu/include/magic.h). */
export const TYPE_MAGIC = {
  inventory: 0x58313116,
  pstree: 0x50273030,
  core: 0x55053847,
  ids: 0x54432030,
  cgroup: 0x59383330,
} as const;

/** The types of the files that are read here. */
export type ImageType = keyof typeof TYPE_MAGIC;

/** `img_version` of an inventory that this project reads: 1 is v1, 2 is v1.1 (criu/include/image.h). */
export type ImageVersion = 1 | 2;

/** Whether an `img_version` is one that this project reads. */
export function isImageVersion(version: number): version is ImageVersion {
  return version === 1 || version === 2;
}

/** The words that a file of `type` begins with. */
export function magicsOf(type: ImageType, version: ImageVersion): readonly number[] {
  return version === 1 || type === "inventory" ? [TYPE_MAGIC[type]] : [COMMON_MAGIC, TYPE_MAGIC[type]];
}

/** A magic as CRIU writes it down: `0x58313116`. */
export function renderMagic(magic: number): string {
  return `0x${magic.toString(16).padStart(8, "0")}`;
}
