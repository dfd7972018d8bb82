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
testProgram({
  program: "nested_networks",
  what: "tasks in different mount and net namespaces, with a sysfs in each",
  dump: ["--network-lock", "skip"],
  restore: ["--root", "/"],
  needs: ["root", "cc", "criu", "iproute2"],
  criuLoses: "each shows the devices of the root task's net namespace",
});
