#include "CSlowDisk.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *const variable = "GATEHOUSE_BENCH_SYNC_DELAY";

void gatehouse_delay_syncs(uint32_t microseconds) {
    char text[16];
    snprintf(text, sizeof text, "%u", microseconds);
    setenv(variable, text, 1);
}

#if defined(__linux__)

static int delayed(int result) {
    const char *text = getenv(variable);
    long microseconds = text == NULL ? 0 : atol(text);
    if (result != 0 || microseconds <= 0) return result;
    struct timespec rest = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000};
    while (nanosleep(&rest, &rest) != 0) {}
    return result;
}

// These definitions precede those of the C library; the system calls remain available by syscall(2).
int fsync(int descriptor) { return delayed((int)syscall(SYS_fsync, descriptor)); }
int fdatasync(int descriptor) { return delayed((int)syscall(SYS_fdatasync, descriptor)); }

#endif
