#define _GNU_SOURCE 1
#include "CSandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Added to the priority of the server's processes, which go first.
static const int niceness = 5;

// The calls of the child that may fail.
enum call { SETSID, DUP, CLOSE_RANGE, UNSHARE, MOUNT, SETGROUPS, SETRESGID, SETRESUID, CHDIR, EXECVE, CALLS };
static const char *const names[CALLS] = {"setsid", "dup", "close_range", "unshare", "mount", "setgroups",
    "setresgid", "setresuid", "chdir", "execve"};

typedef struct {
    int call;
    int error;
} failure;

// The child of a process with several threads: nothing here may allocate or take a lock.
static _Noreturn void fail(int report, enum call call) {
    const failure reported = {.call = call, .error = errno};
    (void)!write(report, &reported, sizeof reported);
    _exit(127);
}

// The descriptors become 0, 1, 2 and so on, `report` the next one, which closes with execve.
static int arrange(const gatehouse_program *program, int report) {
    const int count = program->descriptor_count;
    int moved[32];
    if (count < 3 || count >= (int)(sizeof moved / sizeof moved[0])) {
        errno = EINVAL;
        fail(report, DUP);
    }
    // First beyond all of these numbers, some of which are in use as other descriptors.
    for (int index = 0; index < count; index++)
        if ((moved[index] = fcntl(program->descriptors[index], F_DUPFD_CLOEXEC, count + 1)) < 0) fail(report, DUP);
    const int moved_report = fcntl(report, F_DUPFD_CLOEXEC, count + 1);
    if (moved_report < 0) fail(report, DUP);
    for (int index = 0; index < count; index++)
        if (dup2(moved[index], index) < 0) fail(moved_report, DUP);
    if (dup3(moved_report, count, O_CLOEXEC) < 0) fail(moved_report, DUP);
    if (syscall(SYS_close_range, count + 1, ~0U, 0) != 0) fail(count, CLOSE_RANGE);
    return count;
}

static void change_account(const gatehouse_program *program, int report) {
    // A mount namespace of the child's own: the folder becomes reachable without its parents.
    if (unshare(CLONE_NEWNS) != 0) fail(report, UNSHARE);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) fail(report, MOUNT);
    if (mount(program->folder, program->mount_point, NULL, MS_BIND, NULL) != 0) fail(report, MOUNT);
    if (setgroups(0, NULL) != 0) fail(report, SETGROUPS);
    if (setresgid(program->account, program->account, program->account) != 0) fail(report, SETRESGID);
    if (setresuid(program->account, program->account, program->account) != 0) fail(report, SETRESUID);
}

static _Noreturn void run_child(const gatehouse_program *program, int report) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    report = arrange(program, report);
    if (setsid() < 0) fail(report, SETSID);
    if (program->account != 0) change_account(program, report);
    if (chdir("/") != 0) fail(report, CHDIR);
    (void)!nice(niceness);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *const environment[] = {NULL};
    execve(program->path, program->arguments, environment);
    fail(report, EXECVE);
}

int gatehouse_program_start(const gatehouse_program *program, int *process, const char **failed_call) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        *failed_call = "pipe";
        return errno;
    }
    // No handler of this process may run in the child.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t child = fork();
    if (child == 0) run_child(program, report[1]);
    const int fork_error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        *failed_call = "fork";
        return fork_error;
    }
    // Closed by execve: nothing to read then.
    failure reported;
    ssize_t count;
    do count = read(report[0], &reported, sizeof reported);
    while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == (ssize_t)sizeof reported) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        *failed_call = names[reported.call];
        return reported.error;
    }
    *process = child;
    return 0;
}

int gatehouse_process_open(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int gatehouse_process_kill(int process_descriptor) {
    return (int)syscall(SYS_pidfd_send_signal, process_descriptor, SIGKILL, NULL, 0);
}

int gatehouse_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int gatehouse_memory_file(const void *bytes, size_t count, int is_fixed) {
    const int file = memfd_create("gatehouse", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    for (size_t done = 0; done < count;) {
        const ssize_t written = pwrite(file, (const char *)bytes + done, count - done, (off_t)done);
        if (written > 0) {
            done += (size_t)written;
        } else if (errno != EINTR) {
            const int error = errno;
            close(file);
            errno = error;
            return -1;
        }
    }
    if (is_fixed) fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    return file;
}
