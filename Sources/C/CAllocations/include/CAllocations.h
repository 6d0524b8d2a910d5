#ifndef GATEHOUSE_CALLOCATIONS_H
#define GATEHOUSE_CALLOCATIONS_H

#include <stdint.h>

/// The number of memory allocations of this thread since its start; always 0 without glibc.
uint64_t gatehouse_allocations(void);

/// The number of memory allocations of all threads of the process, also of those that have ended; always 0 without
/// glibc.
uint64_t gatehouse_process_allocations(void);

#endif
