"""40 MB of objects, generators that are suspended, threads that wait for each other, and a child that is talked to."""

import os
import queue
import random
import subprocess
import sys
import threading
import time

directory = sys.argv[1]
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)


def path_of(name):
    return os.path.join(directory, name)


def write_file(name, text):
    # It must be whole when it is seen.
    with open(path_of(name + ".new"), "w") as file:
        file.write(text)
    os.rename(path_of(name + ".new"), path_of(name))


def ready_and_wait():
    write_file("ready", "")
    while not os.path.exists(path_of("go")):
        time.sleep(0.005)


def fibonacci():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b


def double(items, results):
    while (item := items.get()) is not None:
        results.put(2 * item)


def add_up(condition, state):
    with condition:
        condition.wait_for(lambda: state["open"])
        state["sum"] = sum(state["numbers"])


random.seed(7)
heap = [{"number": number, "text": f"entry {number}"} for number in range(120_000)]
digest = hash(tuple(entry["number"] for entry in heap))
numbers = fibonacci()
for _ in range(50):
    next(numbers)
items, results = queue.Queue(), queue.Queue()
condition, state = threading.Condition(), {"open": False, "numbers": list(range(1000))}
threads = [
    threading.Thread(target=double, args=(items, results)),
    threading.Thread(target=add_up, args=(condition, state)),
]
for thread in threads:
    thread.start()
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdin.write(b"under way\n")
child.stdin.flush()
buffered = open(path_of("buffered"), "w+")
buffered.write("not yet written, ")
items.put(1)
started = time.monotonic()
ready_and_wait()

expected = random.Random(7)
check(random.random() == expected.random(), "the state of random numbers")
check(digest == hash(tuple(entry["number"] for entry in heap)), "the heap")
check(all(entry["text"] == f"entry {entry['number']}" for entry in heap), "the texts")
check(next(numbers) == 12586269025, "the generator")
items.put(21)
items.put(None)
check([results.get(), results.get()] == [2, 42], "the queues")
with condition:
    state["open"] = True
    condition.notify_all()
for thread in threads:
    thread.join()
check(state["sum"] == 499500, "the condition")
check(child.stdout.readline() == b"under way\n", "the pipe of the child")
check(child.communicate(b"again\n")[0] == b"again\n" and child.returncode == 0, "the child")
check(0 <= time.monotonic() - started < 100, "the clock")
buffered.write("now it is")
buffered.seek(0)
check(buffered.read() == "not yet written, now it is", "the file")
write_file("result", "\n".join(failures) or "ok")
