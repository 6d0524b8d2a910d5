import NIOCore
import Synchronization

/// The body of one request as it comes off its connection. Pieces are taken, not copied: whoever iterates next goes on
/// where the one before stopped.
final class IncomingBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    enum ReadFailure: Error {
        /// The client ended the connection before the body was complete.
        case cut
        /// The body does not keep to HTTP, or came too slowly.
        case fault(HTTPError)
        /// Its request is answered; there is nothing left to read.
        case isOver
    }

    /// What a handler left behind.
    enum Rest {
        case nothing
        /// `atMost` is nil where the client did not say how much it sends.
        case unread(atMost: Int?)
        /// The handler met this fault while it read.
        case fault(HTTPError)
        /// Whether and what else comes is not known.
        case unknown
    }

    private struct State {
        var received = 0
        var isComplete = false
        var owesGoAhead: Bool
        var failure: ReadFailure?
    }

    private let parts: ConnectionBridge
    private let pulse: ConnectionState
    private let announcedSize: Int?
    private let state: Mutex<State>

    init(_ head: RequestHead, parts: ConnectionBridge, pulse: ConnectionState) {
        self.parts = parts
        self.pulse = pulse
        announcedSize = head.announcedSize
        state = Mutex(State(owesGoAhead: head.expectsGoAhead))
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let body: IncomingBody
        mutating func next() async throws -> ByteBuffer? { try await body.next() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }

    /// Ends the handler's access to the body and tells what is left of it.
    func finish() -> Rest {
        state.withLock { state in
            defer { if state.failure == nil { state.failure = .isOver } }
            if case .fault(let fault) = state.failure { return .fault(fault) }
            if state.isComplete { return .nothing }
            // A client that was not told to go ahead may send its body or leave it; the next bytes mean nothing then.
            if state.failure != nil || state.owesGoAhead { return .unknown }
            return .unread(atMost: announcedSize.map { $0 - state.received })
        }
    }

    /// Reads what the handler left and drops it.
    /// - Returns: false when it is more than `limit` bytes or never ends.
    func drop(upTo limit: Int) async throws -> Bool {
        var dropped = 0
        while !state.withLock({ $0.isComplete }) {
            guard let piece = try? await take() else { return state.withLock { $0.isComplete } }
            dropped += piece.readableBytes
            guard dropped <= limit else { return false }
        }
        return true
    }

    private func next() async throws -> ByteBuffer? {
        let (isComplete, owesGoAhead) = try state.withLock { state in
            if let failure = state.failure { throw failure }
            defer { state.owesGoAhead = false }
            return (state.isComplete, state.owesGoAhead)
        }
        if isComplete { return nil }
        if owesGoAhead { try await parts.write(.head(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))) }
        return try await take()
    }

    private func take() async throws -> ByteBuffer? {
        pulse.waitForBody(since: .now())
        defer { pulse.stopWaitingForBody() }
        let part: InboundPart?
        do {
            part = try await parts.next()
        } catch {
            throw fail(.cut)
        }
        switch part {
        case .body(let piece):
            state.withLock { $0.received += piece.readableBytes }
            return piece
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
