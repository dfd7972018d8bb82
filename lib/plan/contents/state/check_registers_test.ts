import { deepEqual as assertEquals } from "node:assert/strict";
import type { Problem } from "../../../errors.ts";
import type { HostCompat } from "../../../host/host.ts";
import type { Registers } from "../../../model/task_state.ts";
import { checkRegisters } from "./check_registers.ts";

const PLAIN: Registers = { general: new BigUint64Array(27), isCompat: false, segments: [], hasShadowStack: false };

function withRegister(index: number, value: bigint): Partial<Registers> {
  return { general: PLAIN.general.with(index, value) as BigUint64Array<ArrayBuffer> };
}

function withState(components: readonly number[], lost: readonly number[]): Partial<Registers> {
  const bytes = new Map(components.map((number) => [number, new Uint8Array(8)]));
  return { floating: { legacy: new Uint8Array(512), components: bytes, lost } };
}

interface Row {
  readonly name: string;
  readonly registers: Partial<Registers>;
  readonly compat?: HostCompat;
  readonly problem?: string;
}

const ROWS: readonly Row[] = [
  { name: "plain ones", registers: {} },
  { name: "of 32 bits", registers: { isCompat: true }, compat: {} },
  {
    name: "of 32 bits, where there is no such code",
    registers: { isCompat: true },
    problem: "it runs a program of 32 bits, which this kernel does not (CONFIG_IA32_EMULATION, ia32_emulation=1)",
  },
  { name: "segments of the global table", registers: withRegister(26, 0x63n) },
  {
    name: "segments of a table of its own",
    registers: withRegister(26, 0xfn),
    problem: "it uses segments of its own (modify_ldt(2)), which the images do not have",
  },
  {
    name: "a shadow stack",
    registers: { hasShadowStack: true },
    problem: "it has a shadow stack, which cannot be restored",
  },
  { name: "state that this processor has", registers: withState([2], []) },
  { name: "rights of protection keys", registers: withState([9], []) },
  {
    name: "state that this processor does not have",
    registers: withState([2, 5], []),
    problem: "it used state 5 of the processor (XSAVE), which this one does not have",
  },
  {
    name: "state that is not in images",
    registers: withState([], [17, 18]),
    problem: "it used state 17, 18 of the processor, which the images do not have",
  },
];

Deno.test("checkRegisters() tells what cannot be restored here", async (t) => {
  for (const { name, registers, compat, problem } of ROWS) {
    await t.step(name, () => {
      const problems: Problem[] = [];
      const host = { components: new Map([[2, { offset: 576, size: 256 }]]), memory: compat ? { compat } : {} };
      checkRegisters({ ...PLAIN, ...registers }, { where: "task 7", host, problems });
      assertEquals(problems.map(({ what }) => what), problem === undefined ? [] : [problem]);
    });
  }
});
