import { readImages } from "../../lib/image/read_images.ts";
import { type Mapping, PAGE_SIZE, type PageRun } from "../../lib/model/address_space.ts";
import { buildCheckpoint } from "../../lib/model/build_checkpoint.ts";
import { cut } from "../../lib/model/build_pages.ts";
import { parseVdso } from "../../lib/model/parse_vdso.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { changeSpace } from "./support/change_images.ts";
import { testProgram } from "./support/test_program.ts";

const INT3 = 0xcc;
/** `VMA_AREA_VVAR` (criu/include/image.h). */
const VVAR = 1 << 12;

for (const [isCompat, bits] of [[false, ""], [true, ", with 32 bits"]] as const) {
  testProgram({ program: "clocks", what: `the vdso of the same kernel${bits}`, isCompat });
  testProgram({
    program: "clocks",
    what: `the vdso of another kernel${bits}`,
    isCompat,
    change: makeForeign,
    criuLoses: "__vdso_clock_getres runs the dumped code, which has no data",
    // The dumped code is ordinary memory now, and this kernel's is somewhere else; CRIU's dump leaves a page in the text.
    mayDiffer: /VmData|VmSize| map /,
  });
}
// Programs of 32 bits make all their system calls through it, where it was in the beginning.
testProgram({ program: "moved_vdso", what: "code and data at addresses of the task's own" });
testProgram({
  program: "broken_vdso",
  what: "code without data, and neither of them",
  criuFails: "it reads the clock through the code without data, and dies",
  // CRIU's dump leaves a page of its own in the program.
  mayDiffer: / map 00401000-/,
});

/**
 * Makes the vdsos those of another kernel, whose functions must not be run here: their code are breakpoints, and there
 * is less data.
 */
function makeForeign(images: string): void {
  const sys = openLinuxSys();
  try {
    const { contents } = buildCheckpoint(readImages(sys, images, { contents: true }));
    for (const [pid, { memory }] of contents?.tasks ?? []) {
      const code = memory.mappings.find(({ content }) => content.kind === "vdso");
      if (code === undefined) continue;
      breakFunctions(cut(memory.pages, code.start, code.end), code);
      changeSpace(images, pid, ({ vmas }) => {
        for (const vma of vmas) if ((vma.status & VVAR) !== 0) vma.end -= BigInt(PAGE_SIZE);
      });
    }
  } finally {
    sys.release();
  }
}

function breakFunctions(runs: readonly PageRun[], { start, end }: Mapping): void {
  const bytes = new Uint8Array(end - start);
  const pieces = runs.map(({ address, count, file, offset }) => ({
    file: Deno.openSync(file, { read: true, write: true }),
    offset,
    memory: bytes.subarray(address - start, address - start + count * PAGE_SIZE),
  }));
  for (const { file, offset, memory } of pieces) {
    file.seekSync(offset, Deno.SeekMode.Start);
    file.readSync(memory);
  }
  // In those of 32 bits that are for all system calls and for ends of handlers, tasks are all the time.
  const functions = (parseVdso(bytes) ?? []).filter(({ name }) => !name.startsWith("__kernel_"));
  for (const { offset, size } of functions) bytes.fill(INT3, offset, offset + size);
  for (const { file, offset, memory } of pieces) {
    file.seekSync(offset, Deno.SeekMode.Start);
    file.writeSync(memory);
    file.close();
  }
}
