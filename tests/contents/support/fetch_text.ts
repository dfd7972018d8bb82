import { waitUntil } from "../../support/kernel_state.ts";

/** What is served at a URL. Until the kernel has found the way to an address that is new, connections may fail. */
export async function fetchText(url: string): Promise<string> {
  let text: string | undefined;
  const tryOnce = async () => text = await fetch(url).then((answer) => answer.text(), () => undefined);
  await waitUntil(async () => await tryOnce() !== undefined, `nobody answers at ${url}`);
  return text ?? "";
}
