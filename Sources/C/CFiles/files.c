#define _GNU_SOURCE 1
#include "CFiles.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Attempts while other threads rename what a path leads through.
static const int attempts = 64;

int gatehouse_open_beneath(int directory, const char *path, int flags, unsigned int mode) {
    struct open_how how = {
        .flags = (unsigned int)(flags | O_CLOEXEC),
        // The kernel refuses a mode where no file is created.
        .mode = (flags & O_CREAT) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long descriptor = -1;
    for (int attempt = 0; attempt < attempts; attempt++) {
        descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (descriptor >= 0 || (errno != EINTR && errno != EAGAIN)) break;
    }
    return (int)descriptor;
}

int gatehouse_rename_new(int directory, const char *name, int new_directory, const char *new_name) {
    return renameat2(directory, name, new_directory, new_name, RENAME_NOREPLACE);
}

long long gatehouse_creation_time(int directory, const char *name) {
    struct statx status;
    if (statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &status) != 0) return -1;
    if (!(status.stx_mask & STATX_BTIME)) return -1;
    return (long long)status.stx_btime.tv_sec * 1000000 + status.stx_btime.tv_nsec / 1000;
}
