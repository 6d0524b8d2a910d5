#ifndef GATEHOUSE_CSLOWDISK_H
#define GATEHOUSE_CSLOWDISK_H

#include <stdint.h>

/// Delays every fsync and fdatasync of this process, and of processes that it starts afterwards.
void gatehouse_delay_syncs(uint32_t microseconds);

#endif
