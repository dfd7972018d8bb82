import type { SocketOptions, SocketTimeout } from "../../../model/files/socket_options.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall, StructReference } from "../../../tracee/remote_call.ts";
import { type ContentsContext, integers, remoteCall, words } from "../remote.ts";

export const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_DONTROUTE = 5;
const SO_BROADCAST = 6;
const SO_KEEPALIVE = 9;
const SO_OOBINLINE = 10;
const SO_NO_CHECK = 11;
const SO_PRIORITY = 12;
const SO_LINGER = 13;
const SO_REUSEPORT = 15;
const SO_PASSCRED = 16;
const SO_RCVLOWAT = 18;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SO_BINDTODEVICE = 25;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_PASSSEC = 34;
const SO_MARK = 36;
const SO_BUF_LOCK = 72;
const SOL_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;

/** The largest buffer that the kernel takes without making it smaller: it doubles it. */
const LARGEST_BUFFER = 0x3fff_ffff;

/** A socket of the coordinator's. */
export interface SocketReference {
  readonly fd: number;
  /** For messages: `"unix socket 7"`. */
  readonly what: string;
}

/** An option of setsockopt(2), with its value: a number is an `int`. */
export interface OptionValue {
  readonly level: number;
  readonly option: number;
  /** For messages: `"SO_MARK"`. */
  readonly name: string;
  readonly value: number | Uint8Array | StructReference;
  /** The plan says what it means when the kernel does not have the option. */
  readonly mayLack?: boolean;
}

const HINTS = {
  EPERM: "that needs CAP_NET_ADMIN",
  ENODEV: "there is no such network device here",
  ENOPROTOOPT: "this kernel has no such option",
};

export function setOption(
  context: ContentsContext,
  { fd, what }: SocketReference,
  { level, option, name, value, mayLack }: OptionValue,
): RemoteCall {
  const memory = typeof value === "number" ? integerOf(value) : value;
  const size = memory instanceof Uint8Array ? memory.length : memory.struct.length;
  return remoteCall(context, "setsockopt", [fd, level, option, memory, size], {
    attempt: `Cannot set ${name} of ${what}`,
    hints: HINTS,
    ...mayLack === true ? { tolerated: ["ENOPROTOOPT"] } : {},
  });
}

/** Values are few, and memory of their own takes long to make; calls only read it. */
const INTEGERS = new Map<number, Uint8Array>();

function integerOf(value: number): Uint8Array {
  const memory = INTEGERS.get(value) ?? integers(value);
  INTEGERS.set(value, memory);
  return memory;
}

/**
 * Gives a socket its options, those of addresses and ports left out: when these matter depends on the kind of socket.
 * It comes last: data does not get through small buffers, nor through a filter.
 */
export function compileSocketOptions(
  context: ContentsContext,
  socket: SocketReference,
  options: SocketOptions,
): RemoteCall[] {
  return optionValues(context, options).map((value) => setOption(context, socket, value));
}

/** Lets a socket share its address, its port, or both; what is `false` is left as it is. */
export function compileReuse(
  context: ContentsContext,
  socket: SocketReference,
  { reusesAddress, reusesPort }: Pick<SocketOptions, "reusesAddress" | "reusesPort">,
): RemoteCall[] {
  return [
    ...switchOf(SO_REUSEADDR, "SO_REUSEADDR", reusesAddress),
    ...switchOf(SO_REUSEPORT, "SO_REUSEPORT", reusesPort),
  ].map((value) => setOption(context, socket, value));
}

/** As large as buffers can be: for data that was in them to get in again. */
export function compileLargestBuffers(context: ContentsContext, socket: SocketReference): RemoteCall[] {
  return bufferValues(context, LARGEST_BUFFER, LARGEST_BUFFER).map((value) => setOption(context, socket, value));
}

/** Whether anything gets to a socket: a filter of ours keeps it away, until the socket has its own filter or none. */
export function setHearing(context: ContentsContext, socket: SocketReference, hears: boolean): RemoteCall {
  const [option, name] = hears ? [SO_DETACH_FILTER, "SO_DETACH_FILTER"] : [SO_ATTACH_FILTER, "SO_ATTACH_FILTER"];
  const value = hears ? 0 : describeFilter(NOTHING_PASSES);
  return setOption(context, socket, { level: SOL_SOCKET, option, name, value });
}

/** The same for what is sent. */
export function compileLargestSendBuffer(context: ContentsContext, socket: SocketReference): RemoteCall[] {
  return bufferValues(context, LARGEST_BUFFER, undefined).map((value) => setOption(context, socket, value));
}

function optionValues(context: ContentsContext, options: SocketOptions): OptionValue[] {
  const { keepAlive, filter, device, linger } = options;
  return [
    ...bufferValues(context, options.sendBuffer / 2, options.receiveBuffer / 2),
    ...valueOf(SO_BUF_LOCK, "SO_BUF_LOCK", options.lockedBuffers).map((value) => ({ ...value, mayLack: true })),
    ...valueOf(SO_PRIORITY, "SO_PRIORITY", options.priority),
    ...valueOf(SO_RCVLOWAT, "SO_RCVLOWAT", options.receiveLowWater),
    ...valueOf(SO_MARK, "SO_MARK", options.mark),
    ...switchOf(SO_PASSCRED, "SO_PASSCRED", options.passesCredentials),
    ...switchOf(SO_PASSSEC, "SO_PASSSEC", options.passesSecurity),
    ...switchOf(SO_DONTROUTE, "SO_DONTROUTE", options.bypassesRouting),
    ...switchOf(SO_NO_CHECK, "SO_NO_CHECK", options.skipsChecksums),
    ...switchOf(SO_BROADCAST, "SO_BROADCAST", options.broadcasts),
    ...switchOf(SO_OOBINLINE, "SO_OOBINLINE", options.hasUrgentInline),
    ...valueOf(SO_LINGER, "SO_LINGER", linger === undefined ? undefined : integers(1, linger)),
    ...switchOf(SO_KEEPALIVE, "SO_KEEPALIVE", options.keepsAlive),
    ...valueOf(TCP_KEEPCNT, "TCP_KEEPCNT", keepAlive.count, SOL_TCP),
    ...valueOf(TCP_KEEPIDLE, "TCP_KEEPIDLE", keepAlive.idle, SOL_TCP),
    ...valueOf(TCP_KEEPINTVL, "TCP_KEEPINTVL", keepAlive.interval, SOL_TCP),
    ...timeoutOf(SO_SNDTIMEO, "SO_SNDTIMEO", options.sendTimeout),
    ...timeoutOf(SO_RCVTIMEO, "SO_RCVTIMEO", options.receiveTimeout),
    ...valueOf(SO_BINDTODEVICE, "SO_BINDTODEVICE", device === undefined ? undefined : cString(device)),
    ...valueOf(SO_ATTACH_FILTER, "SO_ATTACH_FILTER", filter.length === 0 ? undefined : describeFilter(filter)),
  ];
}

/** Nobody in a user namespace may ask for more than the sysctls say: then it is as much as that. */
function bufferValues(
  { isInUserNamespace }: ContentsContext,
  send: number,
  receive: number | undefined,
): OptionValue[] {
  if (isInUserNamespace) return [...valueOf(SO_SNDBUF, "SO_SNDBUF", send), ...valueOf(SO_RCVBUF, "SO_RCVBUF", receive)];
  return [
    ...valueOf(SO_SNDBUFFORCE, "SO_SNDBUFFORCE", send),
    ...valueOf(SO_RCVBUFFORCE, "SO_RCVBUFFORCE", receive),
  ];
}

function valueOf(
  option: number,
  name: string,
  value: OptionValue["value"] | undefined,
  level = SOL_SOCKET,
): OptionValue[] {
  return value === undefined ? [] : [{ level, option, name, value }];
}

/** A new socket has none of them on. */
function switchOf(option: number, name: string, isOn: boolean): OptionValue[] {
  return valueOf(option, name, isOn ? 1 : undefined);
}

function timeoutOf(option: number, name: string, [seconds, microseconds]: SocketTimeout): OptionValue[] {
  return valueOf(option, name, seconds === 0 && microseconds === 0 ? undefined : words(seconds, microseconds));
}

/** One `struct sock_filter` of linux/filter.h: BPF_RET, of 0 bytes. */
const NOTHING_PASSES = new Uint8Array([6, 0, 0, 0, 0, 0, 0, 0]);

/** `struct sock_fprog` of linux/filter.h. */
function describeFilter(filter: Uint8Array): StructReference {
  return { struct: words(filter.length / 8, 0), pointers: [[8, filter]] };
}
