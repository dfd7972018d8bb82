import { equal as assertEqual } from "node:assert/strict";
import { nameOfProfile } from "./describe_app_armor.ts";

const ROWS: readonly (readonly [text: string, name: string])[] = [
  ["unconfined\n", "unconfined"],
  ["docker-default (enforce)\n", "docker-default"],
  ["/usr/sbin/a b//null-/bin/sh (complain)", "/usr/sbin/a b//null-/bin/sh"],
  ["a//&:ns:b (mixed)\n", "a//&:ns:b"],
  ["odd (name) (kill)\n", "odd (name)"],
];

for (const [text, name] of ROWS) {
  Deno.test(`nameOfProfile: ${JSON.stringify(text)} is ${name}`, () => assertEqual(nameOfProfile(text), name));
}
