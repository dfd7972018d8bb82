import assert from "node:assert/strict";
import { parseMounts } from "./parse_mounts.ts";

Deno.test("parseMounts() reads what proc_pid_mountinfo(5) describes", () => {
  const text = [
    "36 35 98:0 /mnt1 /mnt2\\040x rw,noatime master:1 shared:7 unbindable - ext3 /dev/root rw,errors=continue",
    "37 36 0:4 / /proc ro - proc proc rw",
    "",
  ].join("\n");
  assert.deepEqual(parseMounts(text), [
    {
      ...{ id: 36, parent: 35, root: "/mnt1", mountPoint: "/mnt2 x", options: ["rw", "noatime"] },
      ...{ peers: 7, master: 1, isUnbindable: true },
      ...{ type: "ext3", source: "/dev/root", superOptions: ["rw", "errors=continue"] },
    },
    {
      ...{ id: 37, parent: 36, root: "/", mountPoint: "/proc", options: ["ro"], isUnbindable: false },
      ...{ type: "proc", source: "proc", superOptions: ["rw"] },
    },
  ]);
});
