import { create } from "@bufbuild/protobuf";
import { core_entrySchema } from "../gen/core_pb.ts";
import type { core_entry } from "../gen/core_pb.ts";
import { user_x86_cet_entrySchema } from "../gen/core_x86_pb.ts";
import { editImage } from "./support/edit_image.ts";
import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";

testProgram({ program: "registers", what: "every register of two threads" });
testProgram({ program: "initial_registers", what: "extended registers that were never used" });
testProgram({ program: "selectors", what: "segment selectors", criuLoses: "ds, es and gs" });

/** Edits the core image of the root task. */
function editCore(edit: (core: core_entry) => void): (images: string, root: number) => void {
  return (images, root) => editImage(`${images}/core-${root}.img`, core_entrySchema, edit);
}

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
  what: "a task of 32 bits is refused",
  edit: editCore(({ threadInfo }) => threadInfo!.gpregs!.mode = 2),
  refused: /task \d+: it runs a program of 32 bits/,
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

testProgram({ program: "threads", what: "six threads that wait" });
testProgram({ program: "robust_mutexes", what: "lists of robust futexes" });
testProgram({ program: "restart", what: "system calls in which tasks wait" });
testProgram({ program: "rseq", what: "restartable sequences, in critical sections" });

testProgram({ program: "signal_actions", what: "actions of all signals" });
testProgram({ program: "breakpoint_signal", what: "SIGTRAP" });
testProgram({ program: "pending_signals", what: "queues of signals" });
testProgram({ program: "signals_of_kernel", what: "pending signals that the kernel made" });
testProgram({
  program: "too_many_signals",
  what: "more signals than RLIMIT_SIGPENDING allows",
  criuFails: "it sets the limit first",
  // What a restore has written to is accounted for.
  mayDiffer: / map /,
});

// Timers run out while tasks are stopped for another dump, and handlers are entered before they stop.
const mayDifferInImages = /pendingSignals|page|signalMask|registers|floating|interval timers/;
testProgram({
  program: "interval_timers",
  what: "interval timers",
  mayDifferInImages,
});
testProgram({ program: "posix_timers", what: "POSIX timers", mayDifferInImages });
testProgram({
  program: "posix_timers",
  what: "POSIX timers, whose ids cannot be chosen in older kernels",
  mayDifferInImages,
  pretend: { "/proc/sys/kernel/osrelease": "6.1.0\n" },
});
testProgram({ program: "overrun", what: "timers whose signals are pending", mayDifferInImages });
testProgram({
  program: "unarmed_cpu_timer",
  what: "timers of the processor's time that have an interval and do not run",
  criuLoses: "that they do not run",
});

testProgram({
  program: "zombies",
  what: "children that have ended",
  criuLoses: "the highest bit of what they have returned",
});
testProgram({ program: "told_zombie", what: "signals of children that have ended do not come again" });
