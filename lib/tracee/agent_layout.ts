/**
 * The agent: a loop of machine code in every task we make, which runs a table of system calls from memory that it
 * shares with us. This file says how that memory is laid out. All values are little-endian 64-bit words.
 *
 * ```
 * slot  +0  count     entries of the table; HOLD makes the thread sleep for ever instead
 *       +8  flags     1: go on after an entry that failed
 *      +16  executed  entries run so far, written by the agent when it stops (a failed one included)
 *      +24  start     entry to begin with
 *      +32  table     address of entries of 64 bytes: number, six arguments, result
 * ```
 *
 * Each thread has one slot, for good. The agent parks with a breakpoint; when it is continued, it reads the slot and
 * runs the table from `start`. A child that a clone3 entry makes begins with its own slot, whose address is the entry's
 * third argument (clone3 takes two).
 */
export const SLOT_COUNT = 0;
export const SLOT_FLAGS = 8;
export const SLOT_EXECUTED = 16;
export const SLOT_START = 24;
export const SLOT_TABLE = 32;
/** A line of the processor's cache, so that threads do not wait for each other's. */
export const SLOT_SIZE = 64;

export const ENTRY_SIZE = 64;
export const ENTRY_NUMBER = 0;
export const ENTRY_ARGUMENTS = 8;
export const ENTRY_RESULT = 56;
/** Which argument of a clone3 entry is the address of the child's slot. */
export const CLONE3_SLOT_ARGUMENT = 2;

export const FLAG_KEEP_GOING = 1;
/** As `count`: sleep in pause(2) for ever. Any negative number will do. */
export const HOLD = -1;
