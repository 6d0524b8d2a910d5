import Foundation

/// A file that is written through a fixed buffer under a temporary name and renamed when it is complete.
///
/// An unfinished file is deleted.
final class OutputFile {
    private let url: URL
    private let partial: String
    private let descriptor: Int32
    private let buffer: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var isFinished = false

    init(_ url: URL, capacity: Int = 1 << 18) throws(FileFault) {
        self.url = url
        partial = url.path + ".part"
        descriptor = open(partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFault("create", partial) }
        buffer = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        buffer.deallocate()
        if !isFinished {
            close(descriptor)
            unlink(partial)
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(FileFault) {
        if bytes.count > buffer.count - filled { try flush() }
        if bytes.count > buffer.count {
            try write(bytes)
        } else if let start = bytes.baseAddress {
            buffer.baseAddress?.advanced(by: filled).copyMemory(from: start, byteCount: bytes.count)
            filled += bytes.count
        }
    }

    /// Appends two words: a sample of a series.
    func append(_ first: UInt64, _ second: UInt64) throws(FileFault) {
        if buffer.count - filled < 16 { try flush() }
        buffer.storeBytes(of: first, toByteOffset: filled, as: UInt64.self)
        buffer.storeBytes(of: second, toByteOffset: filled + 8, as: UInt64.self)
        filled += 16
    }

    func append(_ data: Data) throws(FileFault) {
        // `withUnsafeBytes` does not pass typed errors on, so the error is part of the result.
        try data.withUnsafeBytes { bytes in Result { () throws(FileFault) in try append(bytes) } }.get()
    }

    /// Overwrites bytes, such as a header whose count is known only at the end.
    func overwrite(_ data: Data, at offset: Int) throws(FileFault) {
        try flush()
        let written = data.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
        guard written == data.count else { throw FileFault("write", partial) }
    }

    /// Writes the buffer to the file, which keeps its temporary name.
    func flush() throws(FileFault) {
        guard filled > 0 else { return }
        try write(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
        filled = 0
    }

    /// Maps the whole file for `body`, which returns the number of bytes to keep.
    func rewrite(_ body: (UnsafeMutableRawBufferPointer) throws -> Int) throws {
        try flush()
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size > 0 else { return }
        guard let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), start != MAP_FAILED else {
            throw FileFault("map", partial)
        }
        let kept: Int
        do {
            defer { munmap(start, size) }
            kept = try body(UnsafeMutableRawBufferPointer(start: start, count: size))
        }
        guard ftruncate(descriptor, off_t(kept)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
            throw FileFault("write", partial)
        }
    }

    /// Renames the file to its final name. With `synchronised` the file is durable before.
    func finish(synchronised: Bool = false) throws(FileFault) {
        try flush()
        if synchronised, fsync(descriptor) != 0 { throw FileFault("write", partial) }
        guard rename(partial, url.path) == 0 else { throw FileFault("rename", partial) }
        isFinished = true
        guard close(descriptor) == 0 else { throw FileFault("close", url.path) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(FileFault) {
        var done = 0
        while done < bytes.count {
            let count = Foundation.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFault("write", partial)
            }
            done += count
        }
    }
}
