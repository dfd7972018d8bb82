import { decodeText } from "../../text.ts";
import type { AbstractName, PathName, UnixName } from "./unix_socket.ts";

/** Where the file of a socket is; `undefined` for a relative path that starts from an unknown directory. */
export function absolutePath({ path, directory }: Pick<PathName, "path" | "directory">): string | undefined {
  if (path.startsWith("/")) return path;
  return directory === undefined ? undefined : `${directory === "/" ? "" : directory}/${path}`;
}

/** The directory of an absolute path. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** What the file at an absolute path is called while it makes way for a socket. */
export function asidePath(path: string): string {
  return `${parentOf(path).replace(/\/$/, "")}/.cgrestore-${path.slice(path.lastIndexOf("/") + 1)}`;
}

/** A name as /proc/net/unix writes it: `"@org/socket"`, `"/run/socket"`; every NUL of an abstract one is an "@". */
export function renderUnixName(name: UnixName): string {
  return name.kind === "path" ? name.path : `@${decodeText(name.bytes).replaceAll("\0", "@")}`;
}

/** Equal for names that are the same. */
export function unixNameKey(name: UnixName): string {
  return name.kind === "path" ? `path ${absolutePath(name) ?? name.path}` : `abstract ${decodeText(name.bytes)}`;
}

/**
 * How /proc/net/unix tells an abstract name in use; sockets of different types do not get into each other's way.
 *
 * @param type SOCK_*
 */
export function abstractNameKey(type: number, name: AbstractName): string {
  return `${type} ${renderUnixName(name)}`;
}
