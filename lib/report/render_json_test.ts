import { equal } from "node:assert/strict";
import { renderJson } from "./render_json.ts";

Deno.test("renderJson() sorts keys and knows maps, sets and bigints", () => {
  const value = {
    b: new Map([[10, "x"], [9, "y"]]),
    a: new Set(["q", "p"]),
    d: undefined,
    c: 2n ** 60n,
    e: [{ z: 1, y: 2 }],
  };
  equal(
    JSON.stringify(JSON.parse(renderJson("plan", value))),
    '{"format":1,"plan":{"a":["p","q"],"b":{"9":"y","10":"x"},"c":"1152921504606846976","e":[{"y":2,"z":1}]}}',
  );
});

Deno.test("renderJson() writes the same text whatever the order of keys", () => {
  equal(renderJson("restore", { a: 1, b: { c: 2, d: 3 } }), renderJson("restore", { b: { d: 3, c: 2 }, a: 1 }));
  equal(renderJson("error", {}), '{\n  "error": {},\n  "format": 1\n}\n');
});

Deno.test("renderJson() writes bytes, and of many only how many", () => {
  const value = { a: new Uint8Array([1, 255]), b: new Uint8Array(2 ** 20 + 1) };
  equal(
    JSON.stringify(JSON.parse(renderJson("plan", value))),
    '{"format":1,"plan":{"a":"01ff","b":{"length":1048577}}}',
  );
});
