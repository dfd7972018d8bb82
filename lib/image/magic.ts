/** First word of every image file of v1.1 but inventory.img (`IMG_COMMON_MAGIC`, criu/include/magic.h). */
export const COMMON_MAGIC = 0x54564319;

/** The word that tells the type of an image file (criu/include/magic.h). */
export const TYPE_MAGIC = {
  inventory: 0x58313116,
  pstree: 0x50273030,
  core: 0x55053847,
  ids: 0x54432030,
  cgroup: 0x59383330,
  mm: 0x57492820,
  /** Also that of pagemap-shmem. */
  pagemap: 0x56084025,
  fs: 0x51403912,
  fdinfo: 0x56213732,
  files: 0x56303138,
  "pipes-data": 0x56453709,
  "fifo-data": 0x59333054,
  "sk-queues": 0x56264026,
  "tty-info": 0x59453036,
  "tty-data": 0x59413026,
  memfd: 0x48453499,
  "remap-fpath": 0x59133954,
  "ghost-file": 0x52583605,
  filelocks: 0x54323616,
  seccomp: 0x64413049,
  utsns: 0x54473203,
  timens: 0x43114433,
  pidns: 0x61157326,
  userns: 0x55474906,
  "ipcns-var": 0x53115007,
  "ipcns-shm": 0x46283044,
  "ipcns-msg": 0x55453737,
  "ipcns-sem": 0x59573019,
  mountpoints: 0x55563928,
  netns: 0x55933752,
  netdev: 0x57373951,
  "tcp-stream": 0x51465506,
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
