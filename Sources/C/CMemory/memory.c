#define _GNU_SOURCE 1
#include "CMemory.h"
#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

void gatehouse_memory_keep(int bytes) {
    mallopt(M_TRIM_THRESHOLD, bytes);
    // Setting one of the two thresholds disables the dynamic adjustment of the other.
    mallopt(M_MMAP_THRESHOLD, bytes);
}

static int release_object(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size;
    (void)unused;
    const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        // Writable segments hold relocated data, also where they are read-only by now.
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        const unsigned long start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        const unsigned long end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        // Clean pages of files: they are read again when they are used. A failure leaves them as they are.
        (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void gatehouse_memory_release_code(void) { dl_iterate_phdr(release_object, NULL); }
