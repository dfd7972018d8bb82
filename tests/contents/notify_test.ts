import { testProgram } from "./support/test_program.ts";

testProgram({
  program: "inotify_watches",
  what: "numbers and masks of watches, and no events of our own",
});
testProgram({
  program: "inotify_manners",
  what: "watches with IN_ONESHOT and IN_EXCL_UNLINK",
  criuLoses: "both flags",
});
testProgram({ program: "inotify_many", what: "a hundred watches" });
testProgram({
  program: "inotify_links",
  what: "a symbolic link that is watched itself",
  // Pages of the program that are in the images make its mapping one that counts as memory, as they do with CRIU.
  mayDiffer: / map 00401000/,
  criuFails: "it has no path for the link, and does not find its handle",
});
testProgram({ program: "fanotify_marks", what: "marks of files and of a mount, and permissions" });
