import type { Problem } from "../errors.ts";
import { CoreEntryMarch as March } from "../gen/core.ts";
import type { Images } from "../image/images.ts";
import type { ArchitectureName } from "./checkpoint.ts";

const NAMES: ReadonlyMap<March, ArchitectureName> = new Map([
  [March.X86_64, "x86_64"],
  [March.ARM, "arm"],
  [March.AARCH64, "aarch64"],
  [March.PPC64, "ppc64"],
  [March.S390, "s390"],
  [March.MIPS, "mips"],
  [March.LOONGARCH64, "loongarch64"],
  [March.RISCV64, "riscv64"],
]);

/** The architecture that all core images name; `undefined`, with the problems told, when they do not agree on one. */
export function buildArchitecture(cores: Images["cores"], problems: Problem[]): ArchitectureName | undefined {
  let first: { tid: number; name: ArchitectureName } | undefined;
  for (const [tid, { mtype }] of cores) {
    const where = `core-${tid}.img, entry 0`;
    const name = NAMES.get(mtype);
    if (name === undefined) problems.push({ where, what: `the architecture ${mtype} is unknown` });
    else if (first === undefined) first = { tid, name };
    else if (name !== first.name) {
      problems.push({ where, what: `the architecture is ${name}, but that of core-${first.tid}.img is ${first.name}` });
    }
  }
  return first?.name;
}
