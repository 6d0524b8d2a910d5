package import Base
package import NIOCore

/// The bytes of a request body as a stream. They can be read once, in chunks or collected under a limit.
package struct RequestBody: Sendable, AsyncSequence {
    package typealias Element = ByteBuffer

    private let makeNext: @Sendable () -> () async throws -> ByteBuffer?
    private let reserve: @Sendable (_ size: Int) -> Bool
    /// The value of `Content-Length`, if any.
    package let announcedSize: Int?

    /// - Parameter reserve: whether there is memory for a collected part of `size` bytes.
    package init<Base: AsyncSequence & Sendable>(
        _ base: Base, announcedSize: Int?, reserve: @escaping @Sendable (_ size: Int) -> Bool = { _ in true }
    ) where Base.Element == ByteBuffer {
        self.announcedSize = announcedSize
        self.reserve = reserve
        makeNext = {
            var iterator = base.makeAsyncIterator()
            return { try await iterator.next(isolation: #isolation) }
        }
    }

    private init(
        announcedSize: Int?, reserve: @escaping @Sendable (_ size: Int) -> Bool,
        makeNext: @escaping @Sendable () -> () async throws -> ByteBuffer?
    ) {
        self.announcedSize = announcedSize
        self.reserve = reserve
        self.makeNext = makeNext
    }

    /// The same body; each chunk, and the end, is handed on once `check` has passed.
    func checked(by check: @escaping @Sendable () async throws(Problem) -> Void) -> RequestBody {
        RequestBody(announcedSize: announcedSize, reserve: reserve) { [makeNext] in
            let next = makeNext()
            return {
                let chunk = try await next()
                try await check()
                return chunk
            }
        }
    }

    /// An empty body.
    package static let empty = RequestBody(bytes: [])

    package init(bytes: [UInt8]) {
        announcedSize = bytes.count
        reserve = { _ in true }
        makeNext = {
            var isRead = bytes.isEmpty
            return {
                defer { isRead = true }
                return isRead ? nil : ByteBuffer(bytes: bytes)
            }
        }
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let step: () async throws -> ByteBuffer?
        package mutating func next() async throws -> ByteBuffer? { try await step() }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(step: makeNext()) }

    /// Collects the body.
    /// - Throws: `payload-too-large` as soon as it is known to exceed `limit` bytes, `invalid-payload` for a truncated
    ///   body, `overloaded` where the bodies under way take too much memory.
    package func collect(upTo limit: Int) async throws(Problem) -> ByteBuffer {
        if let announcedSize, announcedSize > limit { throw Problem.payloadTooLarge(limit: limit) }
        var collected = ByteBuffer()
        do {
            for try await var chunk in self {
                guard collected.readableBytes + chunk.readableBytes <= limit else {
                    throw Problem.payloadTooLarge(limit: limit)
                }
                guard reserve(collected.readableBytes + chunk.readableBytes) else { throw Problem.bodiesTooLarge }
                if collected.readableBytes == 0 { collected = chunk } else { collected.writeBuffer(&chunk) }
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(.invalidPayload, detail: "The body ended before it was complete.", cause: error)
        }
        return collected
    }
}

extension Problem.Kind {
    package static let payloadTooLarge = Self("payload-too-large", "The body is too large", status: 413)
    package static let unsupportedMediaType = Self(
        "unsupported-media-type", "The body has a media type that is not accepted here", status: 415)
}

extension Problem {
    /// The bodies under way take as much memory as all connections may.
    fileprivate static var bodiesTooLarge: Problem {
        Problem(
            .overloaded, detail: "The server is receiving too many large bodies at once.",
            headers: ["Retry-After": "2", "Connection": "close"])
    }

    package static func payloadTooLarge(limit: Int) -> Problem {
        Problem(
            .payloadTooLarge, detail: "At most \(limit) bytes are accepted here.",
            members: ["limit": .integer(Int64(limit))], headers: ["Connection": "close"])
    }
}
