import type { Host } from "../../host/host.ts";
import type { FloatingRegisters, Registers } from "../../model/task_state.ts";
import type { TraceeContext } from "../../tracee/tracee.ts";

/** Type of the register set that is XSAVE's area, in its standard form (`NT_X86_XSTATE`, linux/elf.h). */
const NT_X86_XSTATE = 0x202;
const MAX_SIZE = 16384;
/** `XSTATE_BV`: which components are not in their initial state. */
const XSTATE_BV = 512;
const HEADER_END = 576;
/** x87 and SSE. */
const LEGACY = 3n;
const NO_SYSTEM_CALL = 0xffff_ffff_ffff_ffffn;

/** Puts the registers of threads in their places. */
export class RegisterWriter {
  readonly #context: TraceeContext;
  readonly #components: Host["components"];
  #area: Uint8Array<ArrayBuffer> | undefined;

  constructor(context: TraceeContext, components: Host["components"]) {
    this.#context = context;
    this.#components = components;
  }

  /** Sets the registers of the stopped thread `pid`. */
  write(pid: number, registers: Registers): void {
    const { sys, architecture } = this.#context;
    if (registers.floating !== undefined) {
      sys.ptraceSetRegisterSet(pid, NT_X86_XSTATE, this.#fill(pid, registers.floating));
    }
    for (const { number, base, limit, flags } of registers.segments) {
      sys.ptraceSetThreadArea(pid, number, Uint32Array.of(number, base, limit, flags));
    }
    const general = registers.general.slice();
    // What was to be done about an interrupted system call has been done at the dump already.
    general[architecture.register.originalNumber] = NO_SYSTEM_CALL;
    sys.ptraceSetRegisters(pid, general);
  }

  /** The area must be of the size that this kernel has, whatever the thread used of it. */
  #fill(pid: number, { legacy, components }: FloatingRegisters): Uint8Array<ArrayBuffer> {
    const area = this.#area ??= this.#makeArea(pid);
    area.fill(0);
    area.set(legacy);
    // Bytes 464 on are for software: the kernel keeps nothing there that it would read.
    let used = LEGACY;
    for (const [number, bytes] of components) {
      const place = this.#components.get(number);
      if (place === undefined || place.offset < HEADER_END) continue;
      area.set(bytes.subarray(0, place.size), place.offset);
      used |= 1n << BigInt(number);
    }
    new DataView(area.buffer).setBigUint64(XSTATE_BV, used, true);
    return area;
  }

  #makeArea(pid: number): Uint8Array<ArrayBuffer> {
    const area = new Uint8Array(new ArrayBuffer(MAX_SIZE));
    return area.slice(0, this.#context.sys.ptraceGetRegisterSet(pid, NT_X86_XSTATE, area));
  }
}
