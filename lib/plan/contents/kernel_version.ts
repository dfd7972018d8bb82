/** Whether a kernel is one version or a newer one; both are `[major, minor]`. */
export function isAtLeast(
  [major, minor]: readonly [number, number],
  [wanted, least]: readonly [number, number],
): boolean {
  return major > wanted || major === wanted && minor >= least;
}
