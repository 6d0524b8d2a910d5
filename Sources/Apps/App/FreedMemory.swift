import CMalloc

/// What a serving process does with memory that it no longer needs.
package enum FreedMemory {
    private static let keptBytesMax: Int32 = 1 << 20

    /// Keeps up to a megabyte for each of the allocator's arenas, of which there is about one for each thread.
    ///
    /// glibc gives back what lies free above 128 KiB. SQLite's readers free a snapshot's pages and want as many again a moment later, and
    /// to fetch them from the system anew took a tenth of a durable call.
    package static func keep() {
        _ = mallopt(M_TRIM_THRESHOLD, keptBytesMax)
        // To set one of these ends the other's growth with use.
        _ = mallopt(M_MMAP_THRESHOLD, keptBytesMax)
    }
}
