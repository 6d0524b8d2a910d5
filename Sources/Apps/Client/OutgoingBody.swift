import Foundation
import NIOCore

/// A body as it goes over the wire: pieces whose lengths are known beforehand, so that `Content-Length` can be sent.
struct OutgoingBody: Sendable {
    let mediaType: String?
    let pieces: [BodyChunk]

    var length: Int64 { pieces.reduce(0) { $0 + $1.length } }

    /// The whole body, nil where part of it lies on disk.
    var bytes: [UInt8]? {
        var all: [UInt8] = []
        for piece in pieces {
            guard case .bytes(let bytes) = piece else { return nil }
            all += bytes
        }
        return all
    }
}

/// Bytes, or a promise of bytes from a file.
enum BodyChunk: Sendable {
    case bytes([UInt8])
    case file(String, offset: Int64, length: Int64)

    var length: Int64 {
        switch self {
        case .bytes(let bytes): Int64(bytes.count)
        case .file(_, _, let length): length
        }
    }

    /// - Throws: ``UnreadableFile`` when there is no such file, or it ends before `range` does.
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

/// The pieces one after another, files in parts of a bounded size: the next part is read when the connection has room for it.
struct BodyStream: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    /// How much of a file is in memory at once.
    static let filePartBytes = 128 << 10

    let pieces: [BodyChunk]

    func makeAsyncIterator() -> Iterator { Iterator(pieces: pieces[...]) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var pieces: ArraySlice<BodyChunk>
        private var open: (file: FileHandle, path: String, rest: Int64)?

        fileprivate init(pieces: ArraySlice<BodyChunk>) { self.pieces = pieces }

        mutating func next() async throws -> ByteBuffer? {
            // Reading blocks a thread for as long as a disk takes: bearable in a client, never in the server.
            while true {
                if let part = try readOn() { return part }
                guard let piece = pieces.popFirst() else { return nil }
                switch piece {
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

        /// The next part of the open file; nil when there is none or it is sent.
        private mutating func readOn() throws -> ByteBuffer? {
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
