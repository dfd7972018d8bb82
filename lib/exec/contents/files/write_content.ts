import type { FileContent } from "../../../model/files/path_file.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { openImage } from "../open_image.ts";
import { remoteCall, words } from "../remote.ts";
import { close, type FilesContext } from "./file_calls.ts";

const SEEK_SET = 0;
/** Most bytes of one sendfile(2): the kernel takes a little less than 2 GiB (MAX_RW_COUNT). */
const MAX_BYTES = 2 ** 30;

const WRITE_HINTS = {
  ENOSPC: "its file system is full",
  EDQUOT: "a quota is used up",
  EFBIG: "see RLIMIT_FSIZE",
  ENOMEM: "there is too little memory",
};

/** Copies content from a file of the checkpoint to an open file; where it has no parts, nothing is written. */
export function writeContent(
  context: FilesContext,
  { fd, content: { path, parts }, what }: {
    readonly fd: number;
    readonly content: FileContent;
    /** What is written to, for messages. */
    readonly what: string;
  },
): RemoteCall[] {
  if (parts.length === 0) return [];
  const { lowest } = context;
  const from = lowest.take();
  const attempt = `Cannot write the content of ${JSON.stringify(what)}`;
  const calls = [
    openImage(context, path, { attempt, expected: from }),
    ...parts.flatMap(({ position, offset, length }) => [
      remoteCall(context, "lseek", [fd, position, SEEK_SET], { attempt }),
      ...piecesOf(offset, length).map(([start, count]) => (
        remoteCall(context, "sendfile", [fd, from, words(start), count], {
          attempt,
          hints: WRITE_HINTS,
          expected: count,
        })
      )),
    ]),
    close(context, from),
  ];
  lowest.release(from);
  return calls;
}

function piecesOf(offset: number, length: number): [offset: number, count: number][] {
  const pieces: [number, number][] = [];
  for (let done = 0; done < length; done += MAX_BYTES) {
    pieces.push([offset + done, Math.min(MAX_BYTES, length - done)]);
  }
  return pieces;
}
