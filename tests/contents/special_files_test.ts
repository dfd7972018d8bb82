import { testProgram } from "./support/test_program.ts";

testProgram({ program: "device_files", what: "devices that have no state" });
testProgram({ program: "strange_names", what: "names that are long, or are text only by chance" });
testProgram({ program: "open_flags", what: "flags and positions" });
testProgram({ program: "kernel_files", what: "files of /proc and /sys, those of the tasks among them" });
testProgram({ program: "changed_root", what: "a root directory of its own" });
