/**
 * Has CRIU do what it can do, but does not succeed with each time: three failures tell that it cannot.
 *
 * @param reset makes a further try possible
 */
export async function tryCriu<T>(run: () => Promise<T>, reset: () => Promise<unknown>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await run();
    } catch (error) {
      if (tries === 3) throw error;
      await reset();
    }
  }
}
