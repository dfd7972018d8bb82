import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { plannerOf, type PlannerParts } from "../../../../tests/support/plan_files.ts";
import type { MemoryFile, MemoryInode } from "../../../model/files/memory_file.ts";
import { type MemfdStep, planMemoryFile, planMemoryUse } from "./plan_memory_file.ts";

const MFD_ALLOW_SEALING = 2;
const MFD_HUGETLB = 4;
const MFD_NOEXEC_SEAL = 8;
const MFD_EXEC = 16;
const F_SEAL_SEAL = 1;
const F_SEAL_WRITE = 8;
const F_SEAL_EXEC = 0x20;
const O_RDONLY = 0;
const O_RDWR = 2;

function memfd(inode: Partial<MemoryInode> = {}, part: Partial<MemoryFile> = {}): MemoryFile {
  const whole = { id: 3, name: "m", uid: 0, gid: 0, size: 5000, segment: 4, seals: 0, hugeFlags: 0, ...inode };
  return { kind: "memfd", id: 1, flags: O_RDWR, position: 0, inode: whole, ...part };
}

function isMemfd(step: { readonly kind: string }): step is MemfdStep {
  return step.kind === "make-memfd";
}

Deno.test("planMemoryFile() says whether a memfd can be run, where the kernel asks", async (t) => {
  const rows: readonly [name: string, inode: Partial<MemoryInode>, kernel: PlannerParts["kernel"], flags: number][] = [
    ["it can", { mode: 0o100777 }, [6, 3], MFD_ALLOW_SEALING | MFD_EXEC],
    ["no mode is known", {}, [6, 18], MFD_ALLOW_SEALING | MFD_EXEC],
    ["never", { seals: F_SEAL_EXEC, mode: 0o100666 }, [6, 18], MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL],
    ["always", { seals: F_SEAL_EXEC, mode: 0o100777 }, [6, 18], MFD_ALLOW_SEALING | MFD_EXEC],
    ["an old kernel", { mode: 0o100777 }, [6, 2], MFD_ALLOW_SEALING],
    ["huge pages", { hugeFlags: MFD_HUGETLB | 21 << 26 }, [6, 2], MFD_ALLOW_SEALING | MFD_HUGETLB | 21 << 26],
  ];
  for (const [name, inode, kernel, flags] of rows) {
    await t.step(name, () => {
      const file = memfd(inode);
      const planner = plannerOf([file], kernel === undefined ? {} : { kernel });
      planMemoryFile(planner, file);
      assertEquals(planner.early.filter(isMemfd).map((step) => step.flags), [flags]);
    });
  }
});

Deno.test("planMemoryFile() gives the first opening for both what was made, and opens it again for others", () => {
  const files = [memfd({}, { id: 1, flags: O_RDONLY }), memfd({}, { id: 2 }), memfd({}, { id: 5 })];
  const planner = plannerOf(files);
  assertEquals(files.map((file) => planMemoryFile(planner, file)), [1, 0, 2]);
  assertEquals(planner.late.map(({ kind }) => kind), ["reopen", "adjust", "reopen"]);
});

Deno.test("planMemoryFile() seals last of all", () => {
  const file = memfd({ seals: F_SEAL_SEAL });
  const planner = plannerOf([file]);
  planMemoryFile(planner, file);
  assertEquals(planner.last, [{ kind: "seal", handle: 0, what: "/memfd:m (deleted)", seals: F_SEAL_SEAL }]);
});

Deno.test("planMemoryFile() fills and seals first what is sealed against writing", () => {
  const file = memfd({ seals: F_SEAL_WRITE });
  const pages = [
    { address: 0, count: 1, file: "/images/pages-1.img", offset: 8192 },
    { address: 4096, count: 1, file: "/images/parent/pages-1.img", offset: 0 },
  ];
  const planner = plannerOf([file], { contents: { segments: new Map([[4, { size: 5000, flags: 0, pages }]]) } });
  planMemoryFile(planner, file);
  const content = [
    { path: "/images/pages-1.img", parts: [{ position: 0, offset: 8192, length: 4096 }] },
    { path: "/images/parent/pages-1.img", parts: [{ position: 4096, offset: 0, length: 904 }] },
  ];
  const common = { handle: 0, what: "/memfd:m (deleted)" };
  assertEquals(planner.early.slice(1), [
    { kind: "write", ...common, content },
    { kind: "seal", ...common, seals: F_SEAL_WRITE },
  ]);
  assertEquals(planner.last, []);
  assertEqual(planMemoryUse(planner, file, O_RDWR), 0);
});

Deno.test("planMemoryUse() maps huge pages that are sealed later without a way to write to them", () => {
  const file = memfd({ seals: F_SEAL_WRITE, hugeFlags: MFD_HUGETLB });
  const planner = plannerOf([file]);
  assertEqual(planMemoryUse(planner, file, O_RDWR), 1);
  assertEquals(planner.early.at(-1), {
    kind: "reopen",
    ...{ handle: 1, from: 0, what: "/memfd:m (deleted)", flags: O_RDONLY },
  });
});
