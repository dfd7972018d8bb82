/** The options that sockets of all kinds have: socket(7). What is `undefined` is as in a new socket. */
export interface SocketOptions {
  /** Bytes, as SO_SNDBUF and SO_RCVBUF tell them: the kernel doubles what is asked for. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  /** SO_BUF_LOCK: which of the two have been chosen (SOCK_SNDBUF_LOCK and SOCK_RCVBUF_LOCK); not in old dumps. */
  readonly lockedBuffers: number | undefined;
  /** SO_SNDTIMEO and SO_RCVTIMEO; zero for none. */
  readonly sendTimeout: SocketTimeout;
  readonly receiveTimeout: SocketTimeout;
  /** SO_RCVLOWAT */
  readonly receiveLowWater: number | undefined;
  readonly priority: number | undefined;
  /** SO_MARK */
  readonly mark: number | undefined;
  readonly reusesAddress: boolean;
  readonly reusesPort: boolean;
  readonly passesCredentials: boolean;
  readonly passesSecurity: boolean;
  readonly bypassesRouting: boolean;
  /** SO_NO_CHECK */
  readonly skipsChecksums: boolean;
  readonly broadcasts: boolean;
  readonly keepsAlive: boolean;
  readonly hasUrgentInline: boolean;
  /** SO_LINGER in seconds, where it is on. */
  readonly linger: number | undefined;
  /** SO_BINDTODEVICE */
  readonly device: string | undefined;
  /** SO_ATTACH_FILTER: `struct sock_filter`, 8 bytes each; empty for none. */
  readonly filter: Uint8Array;
  /** Those of tcp(7), in old dumps that have them here. */
  readonly keepAlive: {
    /** TCP_KEEPCNT */
    readonly count: number | undefined;
    /** TCP_KEEPIDLE and TCP_KEEPINTVL, in seconds. */
    readonly idle: number | undefined;
    readonly interval: number | undefined;
  };
}

export type SocketTimeout = readonly [seconds: number, microseconds: number];
