import type { Problem } from "../../../errors.ts";
import type { Host } from "../../../host/host.ts";
import type { Registers } from "../../../model/task_state.ts";
import { PROTECTION_KEYS } from "../memory/protection_keys.ts";

/** Of cs, ss, ds, es, fs and gs in `struct user_regs_struct`. */
const SELECTORS = [17, 20, 23, 24, 25, 26] as const;
/** The bit of a selector that says which table it is of (Intel SDM, volume 3, 3.4.2). */
const LOCAL = 4n;

/** Tells what of a thread's registers cannot be restored here. */
export function checkRegisters(
  registers: Registers,
  { where, host, problems }: {
    readonly where: string;
    readonly host: { readonly components: Host["components"]; readonly memory: Pick<Host["memory"], "compat"> };
    readonly problems: Problem[];
  },
): void {
  const refuse = (what: string) => problems.push({ where, what });
  if (registers.isCompat && host.memory.compat === undefined) {
    refuse("it runs a program of 32 bits, which this kernel does not (CONFIG_IA32_EMULATION, ia32_emulation=1)");
  }
  if (SELECTORS.some((index) => ((registers.general[index] ?? 0n) & LOCAL) !== 0n)) {
    refuse("it uses segments of its own (modify_ldt(2)), which the images do not have");
  }
  if (registers.hasShadowStack) refuse("it has a shadow stack, which cannot be restored");
  const lost = registers.floating?.lost ?? [];
  if (lost.length > 0) refuse(`it used state ${lost.join(", ")} of the processor, which the images do not have`);
  for (const number of registers.floating?.components.keys() ?? []) {
    if (host.components.has(number) || number === PROTECTION_KEYS) continue;
    refuse(`it used state ${number} of the processor (XSAVE), which this one does not have`);
  }
}
