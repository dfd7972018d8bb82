import { deepEqual as assertEquals } from "node:assert/strict";
import { filesContext, renderCall } from "../../../../tests/support/compiled_calls.ts";
import type { TaskContents, ThreadContents } from "../../../plan/contents/contents_plan.ts";
import { encodeText } from "../../../text.ts";
import { compileDescriptors } from "../compile_descriptors.ts";
import { compileProfile, openProfiles } from "./profile.ts";

const THREADS = [{ tid: 7, profile: "web" }, { tid: 8 }, { tid: 9, profile: "b" }] as unknown as ThreadContents[];
const TASK = { pid: 7, threads: THREADS, descriptors: [] } as unknown as TaskContents;
const CONTEXT = { ...filesContext(), profiles: new Map([[7, 120], [9, 121]]) };

Deno.test("openProfiles() has the task open what its threads write", () => {
  assertEquals(openProfiles(CONTEXT, TASK, (id) => id + 1000).map(renderCall), [
    'openat -100 "/proc/self/task/1007/attr/apparmor/current" 1 = 0',
    "dup3 0 120 0",
    "close 0",
    'openat -100 "/proc/self/task/1009/attr/apparmor/current" 1 = 0',
    "dup3 0 121 0",
    "close 0",
  ]);
});

Deno.test("compileProfile() has a thread write, and closes what it needed for that", () => {
  const calls = THREADS.map((thread) => compileProfile(CONTEXT, thread, "it").map(renderCall));
  assertEquals(calls, [
    [`write 120 ${command("web")} 17 = 17`, "close 120"],
    [],
    [`write 121 ${command("b")} 15 = 15`, "close 121"],
  ]);
});

function command(profile: string): string {
  return encodeText(`changeprofile ${profile}`).toHex();
}

Deno.test("compileDescriptors() leaves open what the threads need for their profiles", () => {
  assertEquals(compileDescriptors(CONTEXT, TASK).map(renderCall), [
    "close_range 100 119 0",
    "close_range 122 4294967295 0",
  ]);
  assertEquals(compileDescriptors(filesContext(), TASK).map(renderCall), ["close_range 100 4294967295 0"]);
});
