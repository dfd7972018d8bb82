import type { FillStep } from "../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall, words } from "./remote.ts";

/** Reads pages from a file that the caller has open. */
export function fillPages(
  context: Pick<ContentsContext, "numbers">,
  { file, offset, ranges }: FillStep,
  { fd, what }: { readonly fd: number; readonly what: string },
): RemoteCall {
  const size = ranges.reduce((sum, number, index) => sum + (index % 2 === 1 ? number : 0), 0);
  return remoteCall(context, "preadv", [fd, words(...ranges), ranges.length / 2, offset, 0], {
    attempt: `Cannot read ${size} bytes of pages from "${file}" into ${what}`,
    hints: { EFAULT: "a limit of memory was reached, or the file is shorter than its pagemap says" },
    expected: size,
  });
}
