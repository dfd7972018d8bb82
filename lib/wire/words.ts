/** A list of 64-bit words, kept as their halves: most are never looked at, and arrays of bigints are slow to make. */
export class Words {
  /** @param halves of each word the low one, then the high one */
  constructor(readonly halves: readonly number[]) {}

  get length(): number {
    return this.halves.length / 2;
  }

  toArray(): BigUint64Array<ArrayBuffer> {
    return new BigUint64Array(new Uint32Array(this.halves).buffer);
  }

  /** The bytes in memory, the lowest first. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(new Uint32Array(this.halves).buffer);
  }
}
