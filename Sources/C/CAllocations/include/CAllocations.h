#ifndef GATEHOUSE_CALLOCATIONS_H
#define GATEHOUSE_CALLOCATIONS_H

#include <stdint.h>

/// How often memory was asked for on this thread since it began; 0 for ever where there is no glibc.
uint64_t gatehouse_allocations(void);

#endif
