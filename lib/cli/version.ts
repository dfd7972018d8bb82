/** What `cgrestore --version` says. */
export const VERSION = "0.1.0";

/** The version of CRIU whose protocol and options callers of CRIU may count on. */
export const CRIU_VERSION = { major: 4, minor: 2 };
