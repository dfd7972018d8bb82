import { SysError, UsageError } from "../../errors.ts";
import { type CriuReq, readCriuReq } from "../../gen/rpc.ts";
import type { Sys } from "../../sys/sys.ts";
import { MessageReader } from "../../wire/message_reader.ts";
import type { Stage } from "../output.ts";
import { encodeResponse, REQUEST, type Response } from "./encode_response.ts";

/** Longer than what a socket of packets takes at once, unless somebody has raised its limits (unix(7)). */
const LONGEST_REQUEST = 1 << 20;

/** The caller at the other end of a socket of packets, which stays the caller's to close. */
export class Caller {
  readonly #sys: Sys;
  readonly #fd: number;

  constructor(sys: Sys, fd: number) {
    this.#sys = sys;
    this.#fd = fd;
    // Tasks and action scripts are to know nothing of it.
    sys.setCloseOnExec(fd, true);
  }

  /**
   * The next request; `undefined` when the caller has gone.
   *
   * @throws {UsageError} when it is none
   */
  receive(): CriuReq | undefined {
    const buffer = new Uint8Array(new ArrayBuffer(LONGEST_REQUEST));
    const length = this.#sys.read(this.#fd, buffer);
    if (length === 0) return undefined;
    const attempt = "Cannot understand the request of the caller";
    if (length === LONGEST_REQUEST) throw new UsageError(`${attempt}: it has ${LONGEST_REQUEST} bytes or more`);
    try {
      return readCriuReq(new MessageReader(buffer.subarray(0, length)));
    } catch (error) {
      throw new UsageError(`${attempt}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  send(response: Response): void {
    this.#sys.write(this.#fd, encodeResponse(response));
  }

  /** Tells the caller of a stage, and waits for it. Returns why it has failed, if it has. */
  notify({ action, rootPid, master }: Stage): string | undefined {
    const notify = { script: action, ...rootPid === undefined ? {} : { rootPid } };
    const message = encodeResponse({ type: REQUEST.notify, success: true, notify });
    try {
      if (master === undefined) this.#sys.write(this.#fd, message);
      else this.#sys.sendDescriptor(this.#fd, message, master);
      const answer = this.receive();
      if (answer === undefined) return "the caller has gone";
      return answer.type === REQUEST.notify && answer.notifySuccess === true ? undefined : "the caller has failed";
    } catch (error) {
      if (!(error instanceof SysError) && !(error instanceof UsageError)) throw error;
      return error.message;
    }
  }
}
