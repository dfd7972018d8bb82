/** Whether a kernel is as new as another one; both as `[major, minor]`. */
export function isAtLeast(
  [major, minor]: readonly [number, number],
  [wanted, least]: readonly [number, number],
): boolean {
  return major > wanted || major === wanted && minor >= least;
}
