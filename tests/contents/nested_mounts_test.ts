import { testProgram } from "./support/test_program.ts";

testProgram({
  program: "nested_mounts",
  what: "tasks in different mount namespaces, with files of several",
  dump: ["--link-remap"],
  restore: ["--root", "/"],
});
testProgram({
  program: "kept_mounts",
  what: "mount namespaces of several tasks that are open",
  restore: ["--root", "/"],
});
