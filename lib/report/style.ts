/** How parts of a text look; without colour, as they are. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
}

/** Makes a style; with colour, it writes the escape sequences of ECMA-48 (SGR). */
export function makeStyle(color: boolean): Style {
  const paint = (on: number, off: number) => (text: string) => color ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), yellow: paint(33, 39), green: paint(32, 39) };
}
