/** The pid in the path of a task's own files in /proc; `undefined` for other paths. */
export function taskOfPath(path: string): number | undefined {
  const pid = /^\/proc\/(\d+)(?:\/|$)/.exec(path)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Whether a path is that of something which is in /proc only as long as the task has it open or mapped. */
export function dependsOnFiles(path: string): boolean {
  return /^\/proc\/\d+\/(?:task\/\d+\/)?(?:fd|fdinfo|map_files)\/./.test(path);
}
