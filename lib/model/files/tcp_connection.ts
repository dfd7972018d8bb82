/** What a TCP socket keeps for its connection. Numbers of bytes in the stream are taken modulo 2³². */
export interface TcpConnection {
  /** What was received, and has not been read. */
  readonly received: Uint8Array;
  /** Number of the byte behind what was received. */
  readonly receiveSequence: number;
  /** What was written, and not acknowledged by the other side; of these bytes, the last `unsent` have not been sent. */
  readonly written: Uint8Array;
  readonly unsent: number;
  /** Number of the byte behind what was written. */
  readonly writeSequence: number;
  /** TCP_MAXSEG */
  readonly maximumSegment: number;
  /** What both sides had agreed upon (`TCPI_OPT_*` of linux/tcp.h). */
  readonly selectiveAcknowledgements: boolean;
  readonly windowScales: { readonly send: number; readonly receive: number } | undefined;
  /** TCP_TIMESTAMP */
  readonly timestamp: number | undefined;
  /** TCP_REPAIR_WINDOW; not in old dumps. */
  readonly window: TcpWindow | undefined;
}

/** `struct tcp_repair_window` of linux/tcp.h. */
export interface TcpWindow {
  /** Number of the segment by which the window was last updated. */
  readonly lastUpdate: number;
  readonly send: number;
  readonly largest: number;
  readonly receive: number;
  /** What had been received when the window was last told. */
  readonly receivedAtUpdate: number;
}
