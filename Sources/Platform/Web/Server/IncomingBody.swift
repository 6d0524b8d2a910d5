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
        var failure: ReadFailure?
    }

    private let bridge: ConnectionBridge
    private let announcedSize: Int?
    private let state: Mutex<State>

    init(_ head: RequestHead, bridge: ConnectionBridge) {
        self.bridge = bridge
        announcedSize = head.announcedSize
        state = Mutex(State(mustSendContinue: head.expectsContinue))
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let body: IncomingBody
        mutating func next() async throws -> ByteBuffer? { try await body.next() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }

    /// Ends the access of the handler.
    /// - Returns: what it left unread.
    func finish() -> Rest {
        state.withLock { state in
            defer { if state.failure == nil { state.failure = .finished } }
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
        case .head, .frame, nil: throw fail(.cut)
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
