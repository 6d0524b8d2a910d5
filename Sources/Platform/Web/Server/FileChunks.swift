import Foundation
import NIOCore
import NIOPosix

/// A range of a file, read in chunks on a thread that may block.
struct FileChunks: ~Copyable {
    enum Failure: Error {
        case cannotOpen(errno: CInt)
        case notAFile
        case cannotRead(errno: CInt)
        /// The file ends before the range does.
        case tooShort
    }

    private let file: OpenFile
    private var position: Int64
    private let end: Int64

    /// - Throws: ``Failure`` when the file cannot be opened or does not hold `range`.
    init(path: String, range: Range<Int64>) async throws {
        file = try await NIOThreadPool.singleton.runIfActive { try OpenFile(path, containing: range) }
        position = range.lowerBound
        end = range.upperBound
    }

    /// - Parameter file: holds `range`, unless it is changed meanwhile.
    init(_ file: OpenFile, range: Range<Int64>) {
        self.file = file
        position = range.lowerBound
        end = range.upperBound
    }

    /// - Returns: nil at the end of the range.
    mutating func next() async throws -> ByteBuffer? {
        guard position < end else { return nil }
        let (file, position, count) = (file, position, Int(min(end - position, Int64(HTTPLimits.fileChunkBytes))))
        let chunk = try await NIOThreadPool.singleton.runIfActive { try file.read(count, at: position) }
        self.position += Int64(chunk.readableBytes)
        return chunk
    }
}
