#pragma once
// The C library's headers stay in the .c files: with _GNU_SOURCE they declare other structures than the headers that
// Swift's own modules have read, and a program cannot import both.
#include <stddef.h>
#include <stdint.h>

/// A program to start, with an empty environment. No pointer is used after the call.
typedef struct {
    /// An absolute path.
    const char *path;
    /// Ends with NULL.
    char *const *arguments;
    /// They become the descriptors 0, 1, 2 and so on of the program, which gets no others.
    const int *descriptors;
    int descriptor_count;
    /// The user and the group of the program; 0 for those of this process. Others need root.
    uint32_t account;
    /// With an account: a folder that the program sees at `mount_point`, where the account may not reach its path.
    const char *folder;
    const char *mount_point;
} gatehouse_program;

/// Starts a program in a session of its own, with default signals and a lower priority.
///
/// Returns 0, or the errno of `failed_call`, whose name is static.
int gatehouse_program_start(const gatehouse_program *program, int *process, const char **failed_call);

/// A descriptor of a process, readable once the process has ended; -1 with errno.
int gatehouse_process_open(int process);
/// Sends SIGKILL. Returns 0, or -1 with errno.
int gatehouse_process_kill(int process_descriptor);

/// A pipe: the reading end, then the writing end. Programs that are started do not inherit it. Returns 0, or -1 with
/// errno.
int gatehouse_pipe(int ends[2]);

/// A file in memory, at its start, which cannot be changed where `is_fixed` is not 0; -1 with errno.
int gatehouse_memory_file(const void *bytes, size_t count, int is_fixed);

/// The filter of system calls for seccomp(2), as bytes; a count of 0 on processors that have none here.
const void *gatehouse_syscall_filter(size_t *count);
