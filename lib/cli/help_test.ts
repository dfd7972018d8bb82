import { ok } from "node:assert/strict";
import { renderHelp } from "./help.ts";
import { COMMANDS, OPTIONS } from "./options.ts";
import { parseArgs } from "./parse_args.ts";

const TOPICS = [undefined, ...COMMANDS.map(({ name }) => name)];

Deno.test("renderHelp() stays within 80 columns", () => {
  for (const topic of TOPICS) {
    for (const line of renderHelp(topic).split("\n")) ok(line.length <= 80, line);
  }
});

Deno.test("renderHelp() tells every option of a command, and no other", () => {
  for (const { name: topic } of COMMANDS) {
    const words = renderHelp(topic);
    for (const { name, shownAs, commands } of OPTIONS) {
      const isTold = words.includes(shownAs ?? `--${name}`);
      ok(isTold === commands.includes(topic), `${topic}: --${name}`);
    }
  }
});

Deno.test("renderHelp() gives examples that parseArgs() understands", () => {
  for (const { examples } of COMMANDS) {
    for (const [line] of examples) ok(parseArgs(line.split(" ").slice(1)));
  }
});
