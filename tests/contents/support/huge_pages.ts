const COUNT = "/proc/sys/vm/nr_hugepages";

/** Sees to it that there are so many free huge pages, until it is disposed of. */
export function reserveHugePages(count: number): Disposable {
  const before = Deno.readTextFileSync(COUNT);
  Deno.writeTextFileSync(COUNT, String(Number(before) + count));
  const putBack = () => Deno.writeTextFileSync(COUNT, before);
  if (freeHugePages() >= count) return { [Symbol.dispose]: putBack };
  putBack();
  throw new Error(`The kernel does not find memory for ${count} huge pages`);
}

function freeHugePages(): number {
  return Number(/^HugePages_Free:\s*(\d+)/m.exec(Deno.readTextFileSync("/proc/meminfo"))?.[1] ?? 0);
}
