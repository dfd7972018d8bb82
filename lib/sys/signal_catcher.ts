import * as k from "./constants.ts";
import { failure } from "./failure.ts";
import type { Libc } from "./libc.ts";
import { buildHandler } from "./machine_code.ts";
import { mapCode, mapMemory, memoryAt, setTime, words } from "./memory.ts";

/** How often a wait that blocks looks at its deadline and at caught signals, in milliseconds. */
export const TICK_MS = 100;

/** What `catch` remembers. */
const CAUGHT = [k.SIGHUP, k.SIGINT, k.SIGTERM] as const;
/** Where the two handlers stand in their page, and which word each of them sets. */
const HANDLER_SIZE = 64;
const CAUGHT_WORD = 0;
const TICK_WORD = 1;
const WORDS_SIZE = 64;
/** `struct sigaction` of glibc, in words: handler, 16 of mask, flags, restorer. */
const SIGACTION_WORDS = 19;

interface SignalHandlers {
  /** Of the handler that sets CAUGHT_WORD; the one that sets TICK_WORD follows it by HANDLER_SIZE. */
  readonly address: bigint;
  readonly words: Int32Array<ArrayBuffer>;
}

/** Remembers signals that would end us, and interrupts waits of the thread that made it, so that these see them. */
export class SignalCatcher {
  readonly #c: Libc["symbols"];
  readonly #savedActions = new Map<number, BigUint64Array<ArrayBuffer>>();
  readonly #savedMask = words(16);
  #handlers: SignalHandlers | undefined;
  #timer: bigint | undefined;
  /** Whether the caller knows of the caught signal: from then on it interrupts nothing, so that an undo can wait. */
  #isKnown = false;

  constructor(c: Libc["symbols"]) {
    this.#c = c;
  }

  /** Stops the timer and puts back all signal handlers. */
  release(): void {
    if (this.#timer !== undefined) {
      // What the timer has already sent is thread-directed, so it is delivered before this call returns.
      this.#c.timer_delete(k.SYS_TIMER_DELETE, this.#timer);
      this.#timer = undefined;
      this.#c.pthread_sigmask(k.SIG_SETMASK, this.#savedMask, null);
    }
    for (const [signal, action] of this.#savedActions) this.#putBack(signal, action);
    this.#savedActions.clear();
  }

  /** Begins to catch SIGHUP, SIGINT and SIGTERM, unless they are ignored. Repeated, it forgets what was caught. */
  catch(): void {
    const handlers = this.#signalHandlers();
    for (const signal of CAUGHT) this.#handle(signal, handlers.address, { evenIgnored: false });
    Atomics.store(handlers.words, CAUGHT_WORD, 0);
    this.#isKnown = false;
  }

  /** The signal that was caught, or 0; who is told of it knows it. */
  caught(): number {
    if (this.#handlers === undefined) return 0;
    const signal = Atomics.load(this.#handlers.words, CAUGHT_WORD);
    if (signal !== 0) this.#isKnown = true;
    return signal;
  }

  /** As `caught`, and forgets it. */
  take(): number {
    this.#isKnown = false;
    return this.#handlers === undefined ? 0 : Atomics.exchange(this.#handlers.words, CAUGHT_WORD, 0);
  }

  /** Whether a signal was caught of which nobody knows yet. */
  get hasNews(): boolean {
    return !this.#isKnown && this.#handlers !== undefined && Atomics.load(this.#handlers.words, CAUGHT_WORD) !== 0;
  }

  /** Ignores what `catch` catches, for good. */
  ignoreAll(): void {
    for (const signal of CAUGHT) this.ignore(signal);
  }

  /** `release` leaves it so: it puts back only what our handlers took the place of, and they are gone. */
  ignore(signal: number): void {
    const action = words(SIGACTION_WORDS);
    action[0] = k.SIG_IGN;
    const result = this.#c.sigaction(signal, action, null);
    if (result !== 0) throw failure("sigaction", result, `Cannot ignore signal ${signal}`);
  }

  /**
   * Makes SIGALRM interrupt this thread within `ms`, and each TICK_MS: armed once, it costs nothing to the waits
   * that follow, and an interruption that comes too early for a wait is followed by another.
   */
  tickWithin(ms: number): void {
    if (this.#timer !== undefined && ms >= TICK_MS) return;
    this.#timer ??= this.#makeTimer();
    const spec = words(4);
    setTime(spec, 0, TICK_MS);
    setTime(spec, 2, Math.min(Math.max(ms, 0.01), TICK_MS));
    const result = this.#c.timer_settime(k.SYS_TIMER_SETTIME, this.#timer, 0n, spec, null);
    if (result !== 0) throw failure("timer_settime", result, "Cannot start the timer for waits");
  }

  /** A timer that signals this very thread, which need not be the one that the kernel would choose. */
  #makeTimer(): bigint {
    const address = this.#signalHandlers().address + BigInt(HANDLER_SIZE);
    this.#handle(k.SIGALRM, address, { evenIgnored: true });
    const alarm = words(16);
    alarm[0] = 1n << BigInt(k.SIGALRM - 1);
    this.#c.pthread_sigmask(k.SIG_UNBLOCK, alarm, this.#savedMask);
    const event = new Int32Array(new ArrayBuffer(64)); // struct sigevent: value (2), signal, kind, thread
    event.set([0, 0, k.SIGALRM, k.SIGEV_THREAD_ID, this.#c.gettid()]);
    const timer = new Int32Array(new ArrayBuffer(64));
    const result = this.#c.timer_create(k.SYS_TIMER_CREATE, BigInt(k.CLOCK_MONOTONIC), event, timer);
    if (result !== 0) throw failure("timer_create", result, "Cannot make the timer for waits");
    return BigInt(timer[0] ?? 0);
  }

  /** Installs the handler at `address`, without SA_RESTART; the action before is kept for `release`. */
  #handle(signal: number, address: bigint, options: { evenIgnored: boolean }): void {
    if (this.#savedActions.has(signal)) return;
    const before = words(SIGACTION_WORDS);
    const asked = this.#c.sigaction(signal, null, before);
    if (asked !== 0) throw failure("sigaction", asked, `Cannot tell the handler of signal ${signal}`);
    if (before[0] === k.SIG_IGN && !options.evenIgnored) return;
    const action = words(SIGACTION_WORDS);
    action[0] = address;
    const result = this.#c.sigaction(signal, action, null);
    if (result !== 0) throw failure("sigaction", result, `Cannot handle signal ${signal}`);
    this.#savedActions.set(signal, before);
  }

  /** Unless someone else, such as Deno, has installed a handler in the meantime; it may call ours, which does no harm. */
  #putBack(signal: number, action: BigUint64Array<ArrayBuffer>): void {
    const now = words(SIGACTION_WORDS);
    this.#c.sigaction(signal, null, now);
    const ours = this.#signalHandlers().address;
    if (now[0] === ours || now[0] === ours + BigInt(HANDLER_SIZE)) this.#c.sigaction(signal, action, null);
  }

  /** Both pages stay mapped for good: another thread may be in a handler, or another handler call it, after `release`. */
  #signalHandlers(): SignalHandlers {
    if (this.#handlers !== undefined) return this.#handlers;
    const memory = mapMemory(this.#c, WORDS_SIZE);
    const code = new Uint8Array(2 * HANDLER_SIZE);
    code.set(buildHandler(memory + BigInt(CAUGHT_WORD * 4)), 0);
    code.set(buildHandler(memory + BigInt(TICK_WORD * 4)), HANDLER_SIZE);
    this.#handlers = { address: mapCode(this.#c, code), words: new Int32Array(memoryAt(memory, WORDS_SIZE)) };
    return this.#handlers;
  }
}
