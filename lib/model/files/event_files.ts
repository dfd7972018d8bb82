import type { FileBase } from "../open_file.ts";

/** eventfd(2) */
export interface EventFile extends FileBase {
  readonly kind: "eventfd";
  readonly counter: bigint;
}

/** epoll(7) */
export interface EpollFile extends FileBase {
  readonly kind: "epoll";
  readonly watches: readonly EpollWatch[];
}

export interface EpollWatch {
  /** The number by which it was added. */
  readonly fd: number;
  readonly events: number;
  readonly data: bigint;
}

/** signalfd(2) */
export interface SignalFile extends FileBase {
  readonly kind: "signalfd";
  /** Bit N − 1 is signal N. */
  readonly mask: bigint;
}

/** timerfd_create(2) */
export interface TimerFile extends FileBase {
  readonly kind: "timerfd";
  readonly clock: number;
  /** Expirations that have not been read. */
  readonly ticks: bigint;
  /** TFD_TIMER_* */
  readonly settimeFlags: number;
  readonly left: readonly [seconds: number, nanoseconds: number];
  readonly interval: readonly [seconds: number, nanoseconds: number];
}
