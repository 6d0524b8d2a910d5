import Base
import NIOCore
import Synchronization

/// The body of one request, read from its connection. It is consumed: a second iteration continues where the first one
/// stopped.
final class IncomingBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    enum ReadFailure: Error {
        /// The client ended the connection before the body was complete.
        case cut
        /// The body is malformed, or it arrived too slowly.
        case fault(HTTPError)
        /// The request is answered.
        case finished
    }

    /// What the handler left unread.
    enum Rest {
        case nothing
        /// `atMost` is nil for a body without `Content-Length`.
        case unread(atMost: Int?)
        /// The handler received this fault.
        case fault(HTTPError)
        /// It is not known what follows on the connection.
        case unknown
    }

    private struct State {
        var received = 0
        var isComplete = false
        var mustSendContinue: Bool
        /// Bytes of ``BodyMemory``.
        var reserved = 0
        var failure: ReadFailure?
    }

    private let bridge: ConnectionBridge
    private let announcedSize: Int?
    private let memory: BodyMemory
    private let network: NetworkRange?
    private let uncountedBytes: Int
    private let state: Mutex<State>

    /// - Parameter network: of the client; nil for a trusted proxy.
    init(
        _ head: RequestHead, from network: NetworkRange?, bridge: ConnectionBridge, memory: BodyMemory,
        limits: HTTPLimits
    ) {
        self.network = network
        self.bridge = bridge
        self.memory = memory
        uncountedBytes = limits.uncountedBodyBytes
        announcedSize = head.announcedSize
        state = Mutex(State(mustSendContinue: head.expectsContinue))
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let body: IncomingBody
        mutating func next() async throws -> ByteBuffer? { try await body.next() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }

    /// Reserves memory for a collected part of the body, until ``finish()``.
    /// - Parameter size: of the part, in bytes.
    /// - Returns: false where the bodies of all connections would take too much.
    func reserve(_ size: Int) -> Bool {
        state.withLock { state in
            let missing = size - uncountedBytes - state.reserved
            guard missing > 0 else { return true }
            guard memory.reserve(missing, for: network) else { return false }
            state.reserved += missing
            return true
        }
    }

    /// Ends the access of the handler, and releases the memory of the body.
    /// - Returns: what it left unread.
    func finish() -> Rest {
        state.withLock { state in
            defer { if state.failure == nil { state.failure = .finished } }
            memory.release(state.reserved, for: network)
            state.reserved = 0
            if case .fault(let fault) = state.failure { return .fault(fault) }
            if state.isComplete { return .nothing }
            // Without a 100 response the client may send its body or omit it: the next bytes are ambiguous.
            if state.failure != nil || state.mustSendContinue { return .unknown }
            return .unread(atMost: announcedSize.map { $0 - state.received })
        }
    }

    /// Reads and drops what the handler left unread.
    /// - Returns: false where that is more than `limit` bytes, or where it has no end.
    func drop(upTo limit: Int) async throws -> Bool {
        var dropped = 0
        while !state.withLock({ $0.isComplete }) {
            guard let chunk = try? await take() else { return state.withLock { $0.isComplete } }
            dropped += chunk.readableBytes
            guard dropped <= limit else { return false }
        }
        return true
    }

    private func next() async throws -> ByteBuffer? {
        let (isComplete, mustSendContinue) = try state.withLock { state in
            if let failure = state.failure { throw failure }
            defer { state.mustSendContinue = false }
            return (state.isComplete, state.mustSendContinue)
        }
        if isComplete { return nil }
        if mustSendContinue { try await bridge.write(.head(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))) }
        return try await take()
    }

    private func take() async throws -> ByteBuffer? {
        let part: InboundPart?
        do {
            part = try await bridge.next()
        } catch {
            throw fail(.cut)
        }
        switch part {
        case .body(let chunk):
            state.withLock { $0.received += chunk.readableBytes }
            return chunk
        case .end:
            state.withLock { $0.isComplete = true }
            return nil
        case .fault(let fault): throw fail(.fault(fault))
        case .head, .message, nil: throw fail(.cut)
        }
    }

    private func fail(_ failure: ReadFailure) -> ReadFailure {
        state.withLock { $0.failure = failure }
        return failure
    }
}

extension IncomingBody.Rest {
    func canBeDropped(upTo limit: Int) -> Bool {
        switch self {
        case .nothing: true
        case .unread(let size): (size ?? 0) <= limit
        case .fault, .unknown: false
        }
    }
}
