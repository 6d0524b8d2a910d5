import Foundation

/// Reads a file that a setting or an argument names.
package enum InputFile {
    /// Reads a whole file. What is no regular file is refused, because a pipe has no end and a device no size.
    /// - Parameter bytesMax: a larger file is refused before it is read.
    package static func bytes(of path: String, upTo bytesMax: Int) throws(InputFileFault) -> [UInt8] {
        // Without O_NONBLOCK, opening a FIFO blocks until a writer opens it.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .cannotOpen(path, errno: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .cannotOpen(path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular(path) }
        guard Int(status.st_size) <= bytesMax else { throw .tooLarge(path, bytesMax: bytesMax) }
        let data: Data?
        do {
            // One byte more than is accepted: the file may have grown, and those of /proc have no size.
            data = try FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).read(upToCount: bytesMax + 1)
        } catch { throw .cannotRead(path) }
        let bytes = data.map { Array($0) } ?? []
        guard bytes.count <= bytesMax else { throw .tooLarge(path, bytesMax: bytesMax) }
        return bytes
    }
}
