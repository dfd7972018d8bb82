import { deepEqual, equal } from "node:assert/strict";
import { parseConfig } from "./parse_config.ts";

Deno.test("parseConfig() reads options without dashes", () => {
  const text = [
    "# of the host",
    "tcp-established",
    "",
    "  log-file   restore.log # where",
    'work-dir\t"/var/a \\"b\\" c"  ',
    'root ""',
    "ghost-limit 10M",
    "manage-cgroups=ignore # here",
    "root=",
    "#shell-job",
  ];
  deepEqual(parseConfig(text.join("\n")), [
    { name: "tcp-established" },
    { name: "log-file", value: "restore.log" },
    { name: "work-dir", value: '/var/a "b" c' },
    { name: "root", value: "" },
    { name: "ghost-limit", value: "10M" },
    { name: "manage-cgroups", value: "ignore" },
    { name: "root", value: "" },
  ]);
  deepEqual(parseConfig(""), []);
});

Deno.test("parseConfig() tells a line that is none", () => {
  for (const line of ["log-file a b", "log-file=a b", "=a", 'log-file "a', 'log-file "']) {
    equal(parseConfig(`tcp-close\n${line}\n`), line);
  }
});
