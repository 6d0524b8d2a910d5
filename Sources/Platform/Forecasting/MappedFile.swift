import Foundation

#if _endian(big)
    #error(
        "Series, arrays and models are read in place as little-endian numbers; a big-endian machine would need copies.")
#endif

/// A file mapped into memory for reading.
///
/// Files are written under a temporary name and renamed, and not changed afterwards, so a mapping does not shrink.
/// `@unchecked Sendable` is sound because the mapping is read-only and unmapped in `deinit`.
final class MappedFile: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer

    init(_ url: URL) throws(FileFault) {
        let path = url.path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFault("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileFault("read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileFault("map", path, number: EINVAL) }
        let size = Int(status.st_size)
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw FileFault("map", path)
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }

    /// Releases the pages of a range that has been processed, so that a long scan does not count as resident memory.
    func release(_ range: Range<Int>) {
        let page = 4096
        let first = (range.lowerBound + page - 1) / page * page
        let last = min(range.upperBound, bytes.count) / page * page
        guard last > first, let start = bytes.baseAddress else { return }
        madvise(UnsafeMutableRawPointer(mutating: start + first), last - first, Int32(MADV_DONTNEED))
    }
}
