import { testProgram } from "./support/test_program.ts";

testProgram({ program: "protections", what: "private and shared memory with every protection" });
testProgram({ program: "file_mappings", what: "files of which some pages are the task's own" });
testProgram({ program: "opened_mappings", what: "what mappings can become, and /dev/zero" });
testProgram({ program: "holes", what: "pages that are not there" });
testProgram({ program: "sparse_memory", what: "terabytes with a few pages in them" });
testProgram({ program: "many_mappings", what: "40000 mappings" });
testProgram({ program: "files_in_turns", what: "60 files that are mapped in turns" });
testProgram({ program: "droppable_memory", what: "MAP_DROPPABLE" });
testProgram({ program: "large_memory", what: "more than 1 GiB in one piece" });
testProgram({
  program: "locked_memory",
  what: "locked memory, with all pages and on fault",
  criuLoses: "what was locked on fault has all its pages",
});
testProgram({ program: "locked_for_ever", what: "all is locked, and the right to do so is gone" });
testProgram({ program: "advised_memory", what: "every advice of madvise" });
testProgram({ program: "without_huge_pages", what: "PR_SET_THP_DISABLE" });
testProgram({ program: "guard_pages", what: "guard pages" });
testProgram({ program: "stacks", what: "mappings that grow downwards" });
testProgram({ program: "growing_task", what: "stack and heap grow on" });
testProgram({ program: "full_address_space", what: "something in every terabyte" });
testProgram({
  program: "neighbours",
  what: "mappings of which the kernel could make one",
  criuLoses: "they are one mapping",
});
