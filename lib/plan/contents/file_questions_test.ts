import { deepEqual as assertEquals } from "node:assert/strict";
import { ghostFile, pathFile, plannerOf } from "../../../tests/support/plan_files.ts";
import { DEFAULT_OPTIONS } from "../../../tests/support/plan_inputs.ts";
import type { PathFile } from "../../model/files/path_file.ts";
import { deadTasksOf, fileQuestions } from "./file_questions.ts";

const O_NOFOLLOW = 0o400000;

/** Each question as its path, with what matters. */
function questionsOf(...files: readonly PathFile[]): string[] {
  const { contents } = plannerOf(files);
  return [...fileQuestions(contents, DEFAULT_OPTIONS)].map(([path, { buildId, link }]) => (
    `${path}${buildId ? " build id" : ""}${link ? " link" : ""}`
  ));
}

Deno.test("fileQuestions() asks about each file once, for all that matters", () => {
  const files = [
    pathFile({ path: "/a" }),
    pathFile({ id: 2, path: "/b", buildId: "aa" }),
    pathFile({ id: 3, path: "/a", flags: O_NOFOLLOW }),
    pathFile({ id: 4, path: "/b" }),
  ];
  assertEquals(questionsOf(...files), ["/a link", "/b build id"]);
});

Deno.test("fileQuestions() asks about the names that files get for a while, and what is above them", () => {
  const ghost = pathFile({ path: "/x/y/z", remap: { kind: "ghost", ghost: ghostFile() } });
  assertEquals(questionsOf(ghost), ["/x/y/z link", "/x/y/z.cr_link link", "/x link", "/x/y link"]);
  const linked = pathFile({ path: "/z", buildId: "aa", remap: { kind: "linked", path: "/link_remap.1" } });
  assertEquals(questionsOf(linked), ["/link_remap.1 build id", "/z link", "/z.cr_link link"]);
});

Deno.test("fileQuestions() does not ask about what is elsewhere, or nowhere yet", () => {
  const external = pathFile({ path: "file[1:2]", isExternal: true });
  const dead = pathFile({ id: 2, path: "/proc/5/maps", remap: { kind: "dead-task", pid: 5 } });
  assertEquals(questionsOf(external, dead), []);
  assertEquals([...fileQuestions(undefined, DEFAULT_OPTIONS)], []);
});

Deno.test("deadTasksOf()", () => {
  const dead = (id: number, pid: number) => pathFile({ id, remap: { kind: "dead-task", pid } });
  const { contents } = plannerOf([dead(1, 30), dead(2, 7), dead(3, 30), pathFile({ id: 4 })]);
  assertEquals(deadTasksOf(contents), [7, 30]);
  assertEquals(deadTasksOf(undefined), []);
});
