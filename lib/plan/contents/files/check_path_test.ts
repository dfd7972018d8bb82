import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import { ghostFile, pathFile, plannerOf, problemsOf, REGULAR } from "../../../../tests/support/plan_files.ts";
import type { HostFile } from "../../../host/host.ts";
import type { PathFile } from "../../../model/files/path_file.ts";
import type { Mount } from "../../../model/mounts.ts";
import type { FilePlannerOptions } from "../file_planner.ts";
import { MountPlaces } from "../namespaces/mount_places.ts";
import { checkPath } from "./check_path.ts";

interface Row {
  readonly name: string;
  readonly file: Partial<PathFile>;
  readonly found: Partial<HostFile>;
  readonly options?: Partial<FilePlannerOptions>;
  /** Absent: nothing is wrong. */
  readonly what?: string;
}

const O_NOFOLLOW = 0o400000;
const LINK: HostFile = { mode: 0o120777, size: 4, device: 0 };

/** A mount on `/dir`. */
function placesOf(part: Partial<Mount>): MountPlaces {
  const mount = aMount({ id: 2, mountPoint: "/dir", ...part });
  return new MountPlaces([ROOT_MOUNT, mount], { external: [], takesDetected: false });
}

const ROWS: readonly Row[] = [
  { name: "all the same", file: { mode: 0o100644, size: 10, buildId: "aabbccdd" }, found: { buildId: "aabbccdd" } },
  { name: "nothing known", file: {}, found: {} },
  {
    name: "what is below another mount now",
    file: { mount: 1 },
    found: {},
    options: { places: placesOf({ isDeleted: false }) },
    what: 'it was opened below the mount "/dir", which covers it',
  },
  {
    name: "one of a directory that was removed",
    file: { mount: 2 },
    found: {},
    options: { places: placesOf({ isDeleted: true }) },
    what: 'what the mount "/dir" shows was removed',
  },
  {
    name: "a file without a name that a mount shows",
    file: { mount: 1, remap: { kind: "ghost", ghost: ghostFile() } },
    found: {},
    options: { places: placesOf({ isDeleted: true, device: 1, root: "/dir/file", mountPoint: "/point" }) },
    what: 'what the mount "/point" shows was removed',
  },
  {
    name: "another size",
    file: { size: 9 },
    found: {},
    what: "it has 10 bytes here, and had 9 at the dump",
  },
  { name: "the size of a directory", file: { size: 9, mode: 0o040755 }, found: { mode: 0o040755 } },
  {
    name: "other permissions",
    file: { mode: 0o100600 },
    found: {},
    what: "its mode is 0100644 here, and was 0100600 at the dump; --skip-file-rwx-check lets permissions differ",
  },
  { name: "permissions do not matter", file: { mode: 0o100600 }, found: {}, options: { skipFileRwxCheck: true } },
  {
    name: "bits that are no permissions",
    file: { mode: 0o104644 },
    found: {},
    options: { skipFileRwxCheck: true },
    what: "its mode is 0100644 here, and was 0104644 at the dump",
  },
  {
    name: "another type",
    file: { mode: 0o010644 },
    found: {},
    what: "its mode is 0100644 here, and was 0010644 at the dump",
  },
  {
    name: "another build id",
    file: { buildId: "aabbccdd" },
    found: { buildId: "aabbccde" },
    what: "its build id is aabbccde here, and was aabbccdd at the dump",
  },
  { name: "a build id of bytes that fill no word", file: { buildId: "aabbcc00" }, found: { buildId: "aabbcc" } },
  { name: "no build id here", file: { buildId: "aabbccdd" }, found: {} },
  {
    name: "build ids do not matter",
    file: { buildId: "aabbccdd" },
    found: { buildId: "aabbccde" },
    options: { fileValidation: "filesize" },
  },
  { name: "a link that was followed", file: { mode: 0o100644 }, found: { link: LINK } },
  { name: "a link itself", file: { mode: LINK.mode, flags: O_NOFOLLOW }, found: { link: LINK } },
  {
    name: "a link in the place of a file",
    file: { mode: 0o100644, flags: O_NOFOLLOW },
    found: { link: LINK },
    what: "its mode is 0120777 here, and was 0100644 at the dump",
  },
];

Deno.test("checkPath()", async (t) => {
  for (const { name, file, found, options, what } of ROWS) {
    await t.step(name, () => {
      const planner = plannerOf([], {
        host: { "/dir/file": { ...REGULAR, ...found } },
        ...options === undefined ? {} : { options },
      });
      const result = checkPath(planner, pathFile(file), "holder");
      assertEquals(problemsOf(planner), what === undefined ? [] : [`holder, "/dir/file": ${what}`]);
      assertEqual(result, what === undefined ? true : undefined);
    });
  }
});
