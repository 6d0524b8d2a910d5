#pragma once
// Swift's module of the C library does not export mallopt and dl_iterate_phdr.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static inline int malloc_release_object(struct dl_phdr_info *object, size_t size, void *unused) {
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

/// Gives the resident pages of the code and the constants of the program and its libraries back to the system, which
/// keeps them in its cache of files.
static inline void malloc_release_code(void) { dl_iterate_phdr(malloc_release_object, NULL); }
