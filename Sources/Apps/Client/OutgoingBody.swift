import Foundation
import NIOCore

/// An encoded body. The lengths of its chunks are known, so that `Content-Length` is sent.
struct OutgoingBody: Sendable {
    let mediaType: String?
    let chunks: [BodyChunk]

    var length: Int64 { chunks.reduce(0) { $0 + $1.length } }

    /// The whole body; nil where a part of it is in a file.
    var bytes: [UInt8]? {
        var all: [UInt8] = []
        for chunk in chunks {
            guard case .bytes(let bytes) = chunk else { return nil }
            all += bytes
        }
        return all
    }
}

/// Bytes, or a range of a file.
enum BodyChunk: Sendable {
    case bytes([UInt8])
    case file(String, offset: Int64, length: Int64)

    var length: Int64 {
        switch self {
        case .bytes(let bytes): Int64(bytes.count)
        case .file(_, _, let length): length
        }
    }

    /// - Throws: ``UnreadableFile`` where the file does not exist, or ends before `range` does.
    static func file(_ path: String, range: Range<Int64>? = nil) throws -> BodyChunk {
        guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64 else {
            throw UnreadableFile(path: path, reason: "there is no such file, or it may not be read")
        }
        let range = range ?? 0..<size
        guard range.upperBound <= size else {
            throw UnreadableFile(path: path, reason: "it has \(size) bytes, not \(range.upperBound)")
        }
        return .file(path, offset: range.lowerBound, length: Int64(range.count))
    }
}

/// The chunks in their order. Files are read in parts of a bounded size, when the connection accepts more.
struct BodyStream: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    /// The bytes of a file that are in memory at once.
    static let filePartBytes = 128 << 10

    let chunks: [BodyChunk]

    func makeAsyncIterator() -> Iterator { Iterator(chunks: chunks[...]) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var chunks: ArraySlice<BodyChunk>
        private var open: (file: FileHandle, path: String, rest: Int64)?

        fileprivate init(chunks: ArraySlice<BodyChunk>) { self.chunks = chunks }

        mutating func next() async throws -> ByteBuffer? {
            // Reading blocks a thread, which is acceptable in a client for tests and not in the server.
            while true {
                if let part = try nextPart() { return part }
                guard let chunk = chunks.popFirst() else { return nil }
                switch chunk {
                case .bytes(let bytes) where bytes.isEmpty: continue
                case .bytes(let bytes): return ByteBuffer(bytes: bytes)
                case .file(let path, let offset, let length): try begin(path, offset, length)
                }
            }
        }

        private mutating func begin(_ path: String, _ offset: Int64, _ length: Int64) throws {
            guard let file = FileHandle(forReadingAtPath: path) else {
                throw UnreadableFile(path: path, reason: "it cannot be opened")
            }
            try file.seek(toOffset: UInt64(offset))
            open = (file, path, length)
        }

        /// The next part of the open file; nil at its end, or where no file is open.
        private mutating func nextPart() throws -> ByteBuffer? {
            guard let (file, path, rest) = open else { return nil }
            guard rest > 0 else {
                try file.close()
                open = nil
                return nil
            }
            guard let part = try file.read(upToCount: Int(Swift.min(rest, Int64(BodyStream.filePartBytes)))),
                !part.isEmpty
            else {
                throw UnreadableFile(path: path, reason: "it became shorter while it was sent")
            }
            open = (file, path, rest - Int64(part.count))
            return ByteBuffer(bytes: part)
        }
    }
}
