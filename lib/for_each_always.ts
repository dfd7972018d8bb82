/**
 * Does `action` with every one of `items`, also after it has failed with some: what cleans up must not stop half-way.
 *
 * @throws the first failure, in the end
 */
export function forEachAlways<T>(items: Iterable<T>, action: (item: T) => void): void {
  const failures: unknown[] = [];
  for (const item of items) {
    try {
      action(item);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
