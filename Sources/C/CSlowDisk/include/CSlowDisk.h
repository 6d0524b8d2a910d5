#ifndef GATEHOUSE_CSLOWDISK_H
#define GATEHOUSE_CSLOWDISK_H

#include <stdint.h>

/// Makes every fsync and fdatasync of this process, and of those that it starts from now on, take so many microseconds longer.
void gatehouse_delay_syncs(uint32_t microseconds);

#endif
