#include "CSandbox.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#if defined(ARCHITECTURE)

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
// Both processors are little-endian: the lower half of an argument comes first.
#define ARGUMENT(index) LOAD(offsetof(struct seccomp_data, args) + (index) * sizeof(uint64_t))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
// Continues with the next instruction where the value is equal, else skips some.
#define UNLESS_EQUAL_SKIP(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)
#define IF_EQUAL_SKIP(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, count, 0)
#define REFUSE(call, error) UNLESS_EQUAL_SKIP(call, 1), RETURN(SECCOMP_RET_ERRNO | (error))

static const struct sock_filter filter[] = {
    LOAD(offsetof(struct seccomp_data, arch)),
    IF_EQUAL_SKIP(ARCHITECTURE, 1),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
    // Calls of the x32 ABI have other numbers.
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
#endif

    // Calls whose flags are behind a pointer, which a filter cannot read; libraries then use the older call.
    REFUSE(SYS_clone3, ENOSYS),
    // Memory that belongs to no process, so that it is not counted.
    REFUSE(SYS_memfd_create, ENOSYS),
#if defined(SYS_memfd_secret)
    REFUSE(SYS_memfd_secret, ENOSYS),
#endif
    REFUSE(SYS_shmget, EPERM),
    REFUSE(SYS_msgget, EPERM),
    REFUSE(SYS_semget, EPERM),
    REFUSE(SYS_mq_open, EPERM),
    // Interfaces of the kernel with a history of vulnerabilities.
    REFUSE(SYS_io_uring_setup, ENOSYS),
    REFUSE(SYS_io_uring_enter, ENOSYS),
    REFUSE(SYS_io_uring_register, ENOSYS),
    REFUSE(SYS_userfaultfd, ENOSYS),
    REFUSE(SYS_bpf, EPERM),
    REFUSE(SYS_perf_event_open, EPERM),
    REFUSE(SYS_fanotify_init, EPERM),
    // Keys are not separated by namespaces.
    REFUSE(SYS_add_key, EPERM),
    REFUSE(SYS_request_key, EPERM),
    REFUSE(SYS_keyctl, EPERM),
    // Other processes.
    REFUSE(SYS_ptrace, EPERM),
    REFUSE(SYS_process_vm_readv, EPERM),
    REFUSE(SYS_process_vm_writev, EPERM),
    REFUSE(SYS_kcmp, EPERM),
#if defined(SYS_pidfd_getfd)
    REFUSE(SYS_pidfd_getfd, EPERM),
#endif
    // Namespaces and mounts.
    REFUSE(SYS_unshare, EPERM),
    REFUSE(SYS_setns, EPERM),
    REFUSE(SYS_mount, EPERM),
    REFUSE(SYS_umount2, EPERM),
    REFUSE(SYS_pivot_root, EPERM),
    REFUSE(SYS_chroot, EPERM),
    REFUSE(SYS_open_tree, EPERM),
    REFUSE(SYS_move_mount, EPERM),
    REFUSE(SYS_fsopen, EPERM),
    REFUSE(SYS_fsconfig, EPERM),
    REFUSE(SYS_fsmount, EPERM),
    REFUSE(SYS_fspick, EPERM),
#if defined(SYS_mount_setattr)
    REFUSE(SYS_mount_setattr, EPERM),
#endif
    REFUSE(SYS_name_to_handle_at, EPERM),
    REFUSE(SYS_open_by_handle_at, EPERM),
    // The machine.
    REFUSE(SYS_init_module, EPERM),
    REFUSE(SYS_finit_module, EPERM),
    REFUSE(SYS_delete_module, EPERM),
    REFUSE(SYS_kexec_load, EPERM),
#if defined(SYS_kexec_file_load)
    REFUSE(SYS_kexec_file_load, EPERM),
#endif
    REFUSE(SYS_reboot, EPERM),
    REFUSE(SYS_swapon, EPERM),
    REFUSE(SYS_swapoff, EPERM),
    REFUSE(SYS_quotactl, EPERM),
    REFUSE(SYS_acct, EPERM),
    REFUSE(SYS_syslog, EPERM),
    REFUSE(SYS_sethostname, EPERM),
    REFUSE(SYS_setdomainname, EPERM),
    REFUSE(SYS_settimeofday, EPERM),
    REFUSE(SYS_clock_settime, EPERM),
    REFUSE(SYS_clock_adjtime, EPERM),
    REFUSE(SYS_adjtimex, EPERM),
    REFUSE(SYS_vhangup, EPERM),
#if defined(__x86_64__)
    REFUSE(SYS_iopl, EPERM),
    REFUSE(SYS_ioperm, EPERM),
    REFUSE(SYS_modify_ldt, EPERM),
#endif

    // Input into a terminal, and the selection of a console.
    UNLESS_EQUAL_SKIP(SYS_ioctl, 5),
    ARGUMENT(1),
    IF_EQUAL_SKIP(TIOCSTI, 1),
    UNLESS_EQUAL_SKIP(TIOCLINUX, 1),
    RETURN(SECCOMP_RET_ERRNO | EPERM),
    RETURN(SECCOMP_RET_ALLOW),

    // Sockets of other families, some of which are not separated by the network namespace (AF_VSOCK).
    IF_EQUAL_SKIP(SYS_socket, 1),
    UNLESS_EQUAL_SKIP(SYS_socketpair, 5),
    ARGUMENT(0),
    IF_EQUAL_SKIP(AF_UNIX, 3),
    IF_EQUAL_SKIP(AF_INET, 2),
    IF_EQUAL_SKIP(AF_INET6, 1),
    RETURN(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
    RETURN(SECCOMP_RET_ALLOW),
};

const void *gatehouse_syscall_filter(size_t *count) {
    *count = sizeof filter;
    return filter;
}

#else

const void *gatehouse_syscall_filter(size_t *count) {
    *count = 0;
    return "";
}

#endif
