#pragma once
// The C library's headers stay in files.c: with _GNU_SOURCE they declare other structures than those that Swift's own
// module of the C library has.

/// Opens a path below a directory with openat2(2). No symbolic link, no `..` and no absolute path leaves the directory.
/// - Returns: a descriptor; -1 with errno, ENOSYS on kernels before 5.6.
int gatehouse_open_beneath(int directory, const char *path, int flags, unsigned int mode);

/// Renames a file or folder where the new name does not exist.
/// - Returns: 0; -1 with errno, EINVAL on file systems that cannot do so atomically.
int gatehouse_rename_new(int directory, const char *name, int new_directory, const char *new_name);

/// When a file was created, in microseconds since 1970; -1 where the file system does not tell.
long long gatehouse_creation_time(int directory, const char *name);
