/**
 * Numbers of the kernel's interface, each group with the header it comes from. They hold for x86-64 and aarch64; the
 * few that differ between the two are chosen by the architecture that runs us.
 */

const ARM = Deno.build.arch === "aarch64";

// asm-generic/fcntl.h; O_DIRECTORY and O_NOFOLLOW: arch/arm64/include/uapi/asm/fcntl.h
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NOCTTY = 0o400;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = ARM ? 0o40000 : 0o200000;
export const O_NOFOLLOW = ARM ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const FD_CLOEXEC = 1;

// asm-generic/fcntl.h, flock(2)
export const LOCK_EX = 2;
export const LOCK_NB = 4;

// linux/fcntl.h
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;

// linux/openat2.h
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;

// linux/stat.h
export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;
/** STATX_TYPE, STATX_MODE, STATX_UID, STATX_GID and STATX_SIZE. */
export const STATX_WANTED = 0x1 | 0x2 | 0x8 | 0x10 | 0x200;
export const STATX_UID = 0x8;
export const STATX_INO = 0x100;

// linux/fs.h (DT_*: include/linux/fs_types.h, dirent.h)
export const SEEK_SET = 0;
export const DT_DIR = 4;

// linux/magic.h
export const CGROUP_SUPER_MAGIC = 0x27e0eb;
export const CGROUP2_SUPER_MAGIC = 0x63677270;
export const TMPFS_MAGIC = 0x01021994;
export const PROC_SUPER_MAGIC = 0x9fa0;
export const NSFS_MAGIC = 0x6e736673;

// linux/socket.h, linux/un.h, linux/net.h
export const AF_UNIX = 1;
export const AF_NETLINK = 16;
export const UNIX_PATH_MAX = 108;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOL_SOCKET = 1;
export const SCM_RIGHTS = 1;
export const MSG_NOSIGNAL = 0x4000;

// linux/mount.h; MNT_DETACH and UMOUNT_NOFOLLOW: include/linux/fs.h
export const MS_RDONLY = 0x1;
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_NOEXEC = 0x8;
export const MS_REMOUNT = 0x20;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_PRIVATE = 0x40000;
export const MS_SLAVE = 0x80000;
export const MNT_DETACH = 0x2;
export const UMOUNT_NOFOLLOW = 0x8;

// linux/sched.h
export const CLONE_NEWTIME = 0x80;
export const CLONE_VM = 0x100;
export const CLONE_FS = 0x200;
export const CLONE_FILES = 0x400;
export const CLONE_SIGHAND = 0x800;
export const CLONE_PTRACE = 0x2000;
export const CLONE_VFORK = 0x4000;
export const CLONE_PARENT = 0x8000;
export const CLONE_THREAD = 0x10000;
export const CLONE_NEWNS = 0x20000;
export const CLONE_SYSVSEM = 0x40000;
export const CLONE_UNTRACED = 0x800000;
export const CLONE_NEWCGROUP = 0x2000000;
export const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWIPC = 0x8000000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;
/** clone3(2) only: the `cgroup` field says where the child begins. */
export const CLONE_INTO_CGROUP = 0x200000000n;

// linux/memfd.h
export const MFD_CLOEXEC = 0x1;
/** These two since Linux 6.3; older kernels answer EINVAL. */
export const MFD_NOEXEC_SEAL = 0x8;
export const MFD_EXEC = 0x10;

// asm-generic/mman-common.h, linux/mman.h
export const PROT_READ = 0x1;
export const PROT_WRITE = 0x2;
export const PROT_EXEC = 0x4;
export const MAP_SHARED = 0x1;
export const MAP_PRIVATE = 0x2;
export const MAP_ANONYMOUS = 0x20;

// linux/ptrace.h (requests are words, as C passes them); GETREGS and SETREGS: arch/x86/include/uapi/asm/ptrace-abi.h
export const PTRACE_CONT = 7n;
export const PTRACE_KILL = 8n;
export const PTRACE_GETREGS = 12n;
export const PTRACE_SETREGS = 13n;
export const PTRACE_DETACH = 17n;
export const PTRACE_SINGLESTEP = 9n;
export const PTRACE_SYSCALL = 24n;
export const PTRACE_SET_THREAD_AREA = 26n;
export const PTRACE_SETOPTIONS = 0x4200n;
export const PTRACE_GETREGSET = 0x4204n;
export const PTRACE_SETREGSET = 0x4205n;
export const PTRACE_SETSIGMASK = 0x420bn;
export const PTRACE_SEIZE = 0x4206n;
export const PTRACE_INTERRUPT = 0x4207n;
export const PTRACE_EVENT_FORK = 1;
export const PTRACE_EVENT_VFORK = 2;
export const PTRACE_EVENT_CLONE = 3;
export const PTRACE_EVENT_EXEC = 4;
export const PTRACE_EVENT_EXIT = 6;
export const PTRACE_EVENT_STOP = 128;
export const PTRACE_O_TRACESYSGOOD = 0x1;
export const PTRACE_O_TRACEFORK = 0x2;
export const PTRACE_O_TRACEVFORK = 0x4;
export const PTRACE_O_TRACECLONE = 0x8;
export const PTRACE_O_TRACEEXEC = 0x10;
export const PTRACE_O_TRACEEXIT = 0x40;
export const PTRACE_O_EXITKILL = 0x100000;

// linux/wait.h
export const WNOHANG = 0x1;
export const WUNTRACED = 0x2;
export const WALL = 0x40000000;

// linux/prctl.h
export const PR_SET_DUMPABLE = 4;
export const PR_SET_CHILD_SUBREAPER = 36;

// linux/resource.h
export const PRIO_PGRP = 1;

// asm-generic/signal.h (x86 has the same), asm-generic/signal-defs.h
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGABRT = 6;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGSEGV = 11;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTSTP = 20;
export const SIGTTIN = 21;
export const SIGTTOU = 22;
export const SIG_IGN = 1n;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;

// asm-generic/siginfo.h, linux/time.h
export const SIGEV_THREAD_ID = 4;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_BOOTTIME = 7;

// asm/unistd_64.h; aarch64: asm-generic/unistd.h. Words, as every argument of syscall(2) is.
export const SYS_GETPRIORITY = ARM ? 141n : 140n;
export const SYS_GETDENTS64 = ARM ? 61n : 217n;
export const SYS_TIMER_CREATE = ARM ? 107n : 222n;
export const SYS_TIMER_SETTIME = ARM ? 110n : 223n;
export const SYS_TIMER_DELETE = ARM ? 111n : 226n;
export const SYS_PIDFD_OPEN = 434n;
export const SYS_PIDFD_GETFD = 438n;
export const SYS_OPENAT2 = 437n;

// asm-generic/ioctls.h; TIOCGPTPEER and those beside it are made with _IO, _IOR and _IOW
export const TCGETS = 0x5401;
export const TCSETS = 0x5402;
export const TIOCEXCL = 0x540c;
export const TIOCNXCL = 0x540d;
export const TIOCSCTTY = 0x540e;
export const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCSTI = 0x5412;
export const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
export const TIOCPKT = 0x5420;
export const TIOCGSID = 0x5429;
export const TIOCGPTN = 0x80045430;

// linux/nsfs.h
export const NS_GET_PARENT = 0xb702;
export const NS_GET_NSTYPE = 0xb703;
export const TIOCSPTLCK = 0x40045431;
export const TIOCGEXCL = 0x80045440;
export const TIOCGPTPEER = 0x5441;
export const TIOCGLCKTRMIOS = 0x5456;
export const TIOCSLCKTRMIOS = 0x5457;
