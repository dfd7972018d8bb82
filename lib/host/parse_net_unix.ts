/** A line of /proc/net/unix (proc_net(5)). */
export interface NetUnixSocket {
  readonly inode: number;
  /** SOCK_* */
  readonly type: number;
  readonly isListening: boolean;
  readonly isConnected: boolean;
  /** Absent without a name; an abstract one begins with "@", and every NUL in it is one, too. */
  readonly name?: string;
}

/** `__SO_ACCEPTCON` and `SS_CONNECTED` of linux/net.h. */
const LISTENS = 0x10000;
const CONNECTED = 3;

/** Reads /proc/net/unix: number, references, protocol, flags, type, state, inode, and maybe a name. */
export function parseNetUnix(text: string): NetUnixSocket[] {
  const line = /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ ([0-9A-F]+) ([0-9A-F]+) ([0-9A-F]+) +(\d+)(?: (.*))?$/;
  return text.split("\n").flatMap((row) => {
    const match = line.exec(row);
    if (match === null) return [];
    const [, flags = "", type = "", state = "", inode, name] = match;
    return [{
      inode: Number(inode),
      type: parseInt(type, 16),
      isListening: (parseInt(flags, 16) & LISTENS) !== 0,
      isConnected: parseInt(state, 16) === CONNECTED,
      ...name === undefined ? {} : { name },
    }];
  });
}
