import CMalloc

/// How much freed memory the allocator of a serving process keeps.
package enum FreedMemory {
    private static let keptBytesMax: Int32 = 1 << 20

    /// Keeps up to 1 MiB for each arena of the allocator, of which there is about one a thread.
    ///
    /// glibc returns free memory above 128 KiB to the system. SQLite's readers free the pages of a snapshot and
    /// allocate as many again for the next one; allocating them from the system took a tenth of a durable request.
    package static func keep() {
        _ = mallopt(M_TRIM_THRESHOLD, keptBytesMax)
        // Setting one of the two thresholds disables the dynamic adjustment of the other.
        _ = mallopt(M_MMAP_THRESHOLD, keptBytesMax)
    }
}
