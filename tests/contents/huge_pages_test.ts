import { testProgram } from "./support/test_program.ts";

testProgram({ program: "huge_pages", what: "pages of 2 MiB, private, shared and of a memfd", hugePages: 32 });
