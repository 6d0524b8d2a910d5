import CMemory

/// The memory that a serving process keeps, and that it gives back.
package enum FreedMemory {
    private static let keptBytesMax: Int32 = 1 << 20

    /// Keeps up to 1 MiB for each arena of the allocator, of which there is about one a thread.
    ///
    /// glibc returns free memory above 128 KiB to the system. SQLite's readers free the pages of a snapshot and
    /// allocate as many again for the next one; allocating them from the system took a tenth of a durable request.
    package static func keep() {
        gatehouse_memory_keep(keptBytesMax)
    }

    /// Gives back the pages of code and constants that the start has used: more than half of the resident memory of an
    /// idle server. A start searches the conformances of the whole program and relocates its libraries; requests use a
    /// small part of them, which is mapped again from the system's cache of files when it is used.
    static func releaseStart() {
        // The breakpoints of a debugger are in these pages, and would be lost.
        #if !DEBUG
            gatehouse_memory_release_code()
        #endif
    }
}
