import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** `criu_req_type` of images/rpc.proto, as far as it is answered. */
export const REQUEST = { empty: 0, restore: 2, notify: 6, featureCheck: 9, version: 10 } as const;

/** An answer, or with the type `notify` a question, to the caller (`criu_resp` of rpc.proto). */
export interface Response {
  /** One of REQUEST, or the type of the request that cannot be met. */
  readonly type: number;
  readonly success: boolean;
  /** Of a restore. */
  readonly rootPid?: number;
  /** Of a notification. */
  readonly notify?: { readonly script: string; readonly rootPid?: number };
  /** Of a feature check: none of the features, all of which are about dumps, is there. */
  readonly hasNoFeatures?: boolean;
  /** Of failures. */
  readonly message?: string;
  readonly version?: ProtocolVersion;
}

/** The version of CRIU whose requests are understood, and who answers. */
export interface ProtocolVersion {
  readonly major: number;
  readonly minor: number;
  readonly name: string;
}

/** Fields of `criu_resp` and the messages in it. */
const TYPE = 1;
const SUCCESS = 2;
const RESTORE = 4;
const NOTIFY = 5;
const FEATURES = 8;
const MESSAGE = 9;
const VERSION = 10;
const RESTORE_PID = 1;
const NOTIFY_SCRIPT = 1;
const NOTIFY_PID = 2;
const FEATURE_NUMBERS = [1, 2, 3];
const VERSION_MAJOR = 1;
const VERSION_MINOR = 2;
const VERSION_NAME = 6;

/** The message as it is sent. */
export function encodeResponse(response: Response): Uint8Array {
  const { rootPid, notify, hasNoFeatures, message, version } = response;
  const writer = new BinaryWriter();
  number(writer, TYPE, response.type);
  writer.tag(SUCCESS, WireType.Varint).bool(response.success);
  if (rootPid !== undefined) inside(writer, RESTORE, () => number(writer, RESTORE_PID, rootPid));
  if (notify !== undefined) {
    inside(writer, NOTIFY, () => {
      text(writer, NOTIFY_SCRIPT, notify.script);
      if (notify.rootPid !== undefined) number(writer, NOTIFY_PID, notify.rootPid);
    });
  }
  if (hasNoFeatures === true) {
    inside(writer, FEATURES, () => {
      for (const feature of FEATURE_NUMBERS) number(writer, feature, 0);
    });
  }
  if (message !== undefined) text(writer, MESSAGE, message);
  if (version !== undefined) {
    inside(writer, VERSION, () => {
      number(writer, VERSION_MAJOR, version.major);
      number(writer, VERSION_MINOR, version.minor);
      text(writer, VERSION_NAME, version.name);
    });
  }
  return writer.finish();
}

function inside(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

function number(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int32(value);
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}
