// Timers, promises, streams, and a worker thread that waits for its master.
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { isMainThread, parentPort, Worker, workerData } = require("node:worker_threads");

if (isMainThread) main(process.argv[2]);
else work(workerData);

/** Adds one whenever it is woken, and answers messages in between. */
function work(shared) {
  parentPort.on("message", (number) => {
    Atomics.wait(shared, 0, 0);
    Atomics.add(shared, 1, 1);
    parentPort.postMessage(number * 2);
  });
}

async function main(directory) {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(__filename, { workerData: shared });
  await new Promise((resolve) => worker.once("online", resolve));
  const answer = new Promise((resolve) => worker.once("message", resolve));
  worker.postMessage(21);
  const cat = spawn("cat", { stdio: ["pipe", "pipe", "ignore"] });
  const echoed = firstChunk(cat.stdout);
  const heap = new Map(Array.from({ length: 50_000 }, (_, number) => [`key ${number}`, { number }]));
  // So often that it is compiled to machine code.
  const sum = (map) => [...map.values()].reduce((total, { number }) => total + number, 0);
  const expected = sum(heap);
  for (let times = 0; times < 50; times++) assert.equal(sum(heap), expected);
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 2);
  let isLate = false;
  const late = setTimeout(() => isLate = true, 1_000_000);
  const started = performance.now();

  await readyAndWait(directory);
  const failures = [];
  const check = (holds, what) => holds || failures.push(what);
  check(sum(heap) === expected, "the heap");
  Atomics.store(shared, 0, 1);
  Atomics.notify(shared, 0);
  check(await answer === 42 && shared[1] === 1, "the worker");
  cat.stdin.write("echo");
  check(await echoed === "echo", "the child");
  const before = ticks;
  await new Promise((resolve) => setTimeout(resolve, 50));
  check(ticks > before && !isLate, "the timers");
  check(performance.now() - started < 100_000, "the clock");
  cat.stdin.end();
  check(await new Promise((resolve) => cat.once("exit", resolve)) === 0, "the end of the child");
  check(await worker.terminate() === 1, "the end of the worker");
  clearInterval(ticking);
  clearTimeout(late);
  writeFile(directory, "result", failures.join("\n") || "ok");
}

function firstChunk(stream) {
  return new Promise((resolve) => stream.once("data", (bytes) => resolve(String(bytes))));
}

function readyAndWait(directory) {
  writeFile(directory, "ready", "");
  return new Promise((resolve) => {
    const polling = setInterval(() => {
      if (!fs.existsSync(path.join(directory, "go"))) return;
      clearInterval(polling);
      resolve();
    }, 5);
  });
}

/** It must be whole when it is seen. */
function writeFile(directory, name, text) {
  fs.writeFileSync(path.join(directory, `${name}.new`), text);
  fs.renameSync(path.join(directory, `${name}.new`), path.join(directory, name));
}
