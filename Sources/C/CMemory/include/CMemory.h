#pragma once
// The C library's headers stay in memory.c: with _GNU_SOURCE they declare other structures than the headers that
// Swift's own modules have read, and a program cannot import both.

/// Keeps up to `bytes` of freed memory in each arena of the allocator; larger allocations are mapped one by one.
void gatehouse_memory_keep(int bytes);

/// Gives the resident pages of the code and the constants of the program and its libraries back to the system, which
/// keeps them in its cache of files.
void gatehouse_memory_release_code(void);
