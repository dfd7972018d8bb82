/** What this kernel maps into programs of 32 bits, seen in one. */
import {
  deepEqual as assertEquals,
  equal as assertEqual,
  ok as assert,
  throws as assertThrows,
} from "node:assert/strict";
import { describeCompat, SLEEPER_LISTING } from "../../lib/host/describe_compat.ts";
import { parseVdso } from "../../lib/model/parse_vdso.ts";
import { SysError } from "../../lib/errors.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { assemble } from "../support/assemble.ts";
import { FaultySys } from "../support/faulty_sys.ts";
import { requires } from "../support/skip.ts";

Deno.test("the bytes of the sleeper are what its listing assembles to", async () => {
  const assembled = await assemble(SLEEPER_LISTING.map(([, assembly]) => assembly), { bits: 32 });
  assertEqual(assembled, SLEEPER_LISTING.map(([bytes]) => bytes).join(""));
});

Deno.test({
  name: "describeCompat() finds the vdso of 32 bits, and leaves no process",
  ...requires("describeCompat() finds the vdso of 32 bits, and leaves no process", "compat"),
  fn() {
    using sys = openLinuxSys();
    const { vdso } = describeCompat(sys) ?? {};
    assert(vdso !== undefined);
    assertEquals(vdso.parts.filter(({ kind }) => kind === "vdso").map(({ size }) => size), [vdso.code.length]);
    assert(parseVdso(vdso.code)?.some(({ name }) => name === "__kernel_vsyscall"));
    assertEquals(childrenOf(Deno.pid), []);
  },
});

Deno.test({
  name: "describeCompat() leaves no process that lives, whatever call fails",
  ...requires("describeCompat() leaves no process that lives, whatever call fails", "compat"),
  async fn(t) {
    using sys = openLinuxSys();
    const whole = new FaultySys(sys, {});
    describeCompat(whole.sys);
    for (const [index, name] of whole.calls.entries()) {
      await t.step(`${index + 1}: ${name}`, () => {
        const faulty = new FaultySys(sys, { failCall: index + 1 });
        assertThrows(() => describeCompat(faulty.sys), SysError);
        // When waiting fails, the next wait takes the end.
        for (const pid of childrenOf(Deno.pid)) sys.wait(pid, 1000);
        assertEquals(childrenOf(Deno.pid), []);
      });
    }
  },
});

function childrenOf(pid: number): number[] {
  const threads = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name);
  const lists = threads.map((tid) => Deno.readTextFileSync(`/proc/${pid}/task/${tid}/children`).trim());
  return lists.flatMap((list) => list === "" ? [] : list.split(" ").map(Number));
}
