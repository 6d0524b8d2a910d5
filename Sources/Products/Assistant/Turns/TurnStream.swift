import Models
import Modules
import NIOCore
import Synchronization

/// Makes the events of a streamed answer, in the form of one API.
protocol TurnEncoder: Sendable {
    /// Before the first part.
    mutating func start(of turn: AssistantTurn) -> ByteBuffer
    /// - Returns: nil for a part that the API does not send, or not yet.
    mutating func part(_ event: ModelEvent) -> ByteBuffer?
    /// After the answer was stored.
    mutating func end(of answer: TurnAnswer) -> ByteBuffer
    /// Of an answer that broke off.
    mutating func failure(_ problem: Problem, requestID: String) -> ByteBuffer
}

/// Sends a streamed answer to its reader. The turn waits for a reader that is slow.
final class TurnStream: Sendable {
    private struct State {
        var encoder: any TurnEncoder
        var isOpen = false
    }

    private let chunks: TurnChunks
    private let opening: AsyncStream<Problem?>.Continuation
    private let turn: AssistantTurn
    private let state: Mutex<State>

    /// - Parameter onAbandonment: runs when the reader is gone before the end: nothing but its response may hold it.
    static func make(
        _ encoder: some TurnEncoder, _ turn: AssistantTurn, onAbandonment: @escaping @Sendable () -> Void
    ) -> (stream: TurnStream, reader: Reader) {
        let chunks = TurnChunks()
        let (openings, opening) = AsyncStream<Problem?>.makeStream()
        let reader = Reader(chunks: chunks, openings: openings, onAbandonment: onAbandonment)
        return (TurnStream(encoder, turn, chunks, opening), reader)
    }

    /// The reading end. Its release ends the stream.
    final class Reader: Sendable {
        private let chunks: TurnChunks
        /// Yields once: nil at the first part, or the problem that came before it.
        private let openings: AsyncStream<Problem?>
        private let onAbandonment: @Sendable () -> Void

        fileprivate init(
            chunks: TurnChunks, openings: AsyncStream<Problem?>, onAbandonment: @escaping @Sendable () -> Void
        ) {
            self.chunks = chunks
            self.openings = openings
            self.onAbandonment = onAbandonment
        }

        deinit { if chunks.finish() { onAbandonment() } }

        /// Waits for the first part.
        /// - Throws: the problem that came before it.
        func opened() async throws(Problem) {
            for await problem in openings {
                if let problem { throw problem }
                return
            }
            throw Problem(.overloaded, detail: "The request was cancelled.")
        }

        /// - Returns: nil at the end.
        func next() async -> ByteBuffer? { await chunks.next() }

        /// Makes the next bytes at once, by which a client that has gone away is found.
        func probe() { chunks.appendIfIdle(TurnStream.comment) }
    }

    private init(
        _ encoder: some TurnEncoder, _ turn: AssistantTurn, _ chunks: TurnChunks,
        _ opening: AsyncStream<Problem?>.Continuation
    ) {
        self.turn = turn
        self.chunks = chunks
        self.opening = opening
        state = Mutex(State(encoder: encoder))
    }

    /// Returns once the reader has room for further parts.
    func send(_ event: ModelEvent) async {
        state.withLock { state in
            open(&state)
            if let part = state.encoder.part(event) { chunks.append(part) }
        }
        await chunks.waitForRoom()
    }

    /// Sends a comment, which clients ignore, where nothing else is on its way.
    func keepAlive() {
        if state.withLock({ $0.isOpen }) { chunks.appendIfIdle(Self.comment) }
    }

    func end(_ result: Result<TurnAnswer, Problem>, requestID: String) {
        state.withLock { state in
            switch result {
            case .success(let answer):
                open(&state)
                chunks.append(state.encoder.end(of: answer))
            case .failure(let problem) where state.isOpen:
                chunks.append(state.encoder.failure(problem, requestID: requestID))
            case .failure(let problem): opening.yield(problem)
            }
        }
        opening.finish()
        chunks.finish()
    }

    private static let comment = ByteBuffer(string: ": \n\n")

    private func open(_ state: inout State) {
        guard !state.isOpen else { return }
        state.isOpen = true
        chunks.append(state.encoder.start(of: turn))
        opening.yield(nil)
        opening.finish()
    }
}
