/** `si_signo`: which signal a siginfo_t tells of (sigaction(2)). */
export function signalOf(siginfo: Uint8Array): number {
  return new DataView(siginfo.buffer, siginfo.byteOffset).getInt32(0, true);
}
