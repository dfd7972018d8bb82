import { create } from "@bufbuild/protobuf";
import { user_x86_cet_entrySchema } from "../gen/core_x86_pb.ts";
import { editCore } from "./support/edit_image.ts";
import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";

testProgram({ program: "registers", what: "every register of two threads" });
testProgram({ program: "initial_registers", what: "extended registers that were never used" });
testProgram({ program: "selectors", what: "segment selectors", criuLoses: "ds, es and gs" });

testEdited({
  // Not every processor lets programs use them, so another dump has to do.
  program: "initial_registers",
  what: "segments of the thread's own are restored",
  edit: editCore(({ threadInfo }) => {
    const [first, , third] = threadInfo?.tls ?? [];
    const present = { seg32bit: true, segNotPresent: false, readExecOnly: false };
    Object.assign(first!, { ...present, baseAddr: 0x10000000, limit: 0xfffff, limitInPages: true, usable: true });
    Object.assign(third!, { ...present, baseAddr: 0x10001000, limit: 0xff });
  }),
});
testEdited({
  program: "initial_registers",
  what: "rights that keys of memory give are left away where there are no keys",
  edit: editCore(({ threadInfo }) => {
    const xsave = threadInfo!.fpregs!.xsave!;
    xsave.xstateBv |= 1n << 9n;
    // What Linux gives tasks (init_pkru_value, arch/x86/mm/pkeys.c): nothing but the first key.
    xsave.pkru = [0x55555554, 0];
  }),
  // There, it has them no more.
  mayDiffer: / floating$/,
});
testEdited({
  program: "initial_registers",
  what: "segments of a table of its own are refused",
  edit: editCore(({ threadInfo }) => threadInfo!.gpregs!.fs = 0x7n),
  refused: /task \d+: it uses segments of its own \(modify_ldt\(2\)\), which the images do not have/,
});
testEdited({
  program: "registers",
  what: "components that this processor does not have are refused",
  edit: editCore(({ threadInfo }) => {
    const xsave = threadInfo!.fpregs!.xsave!;
    xsave.xstateBv |= 1n << 3n;
    xsave.bndregState = Array(8).fill(0n);
  }),
  refused: /it used state 3 of the processor \(XSAVE\), which this one does not have/,
});
testEdited({
  program: "registers",
  what: "components that the images do not have are refused",
  edit: editCore(({ threadInfo }) => threadInfo!.fpregs!.xsave!.xstateBv |= 1n << 18n),
  refused: /it used state 18 of the processor, which the images do not have/,
});
testEdited({
  program: "registers",
  what: "shadow stacks are refused",
  edit: editCore(({ threadInfo }) => {
    threadInfo!.fpregs!.xsave!.cet = create(user_x86_cet_entrySchema, { cet: 1n, ssp: 0x7000_0000n });
  }),
  refused: /it has a shadow stack/,
});
