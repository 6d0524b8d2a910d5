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

/// Sends a streamed answer to its reader. As many chunks are in memory as the client has not read: at most the answer,
/// whose tokens are bounded.
final class TurnStream: Sendable {
    private struct State {
        var encoder: any TurnEncoder
        var isOpen = false
    }

    private let chunk: AsyncStream<ByteBuffer>.Continuation
    private let opening: AsyncStream<Problem?>.Continuation
    private let turn: AssistantTurn
    private let state: Mutex<State>

    /// - Parameter onAbandonment: runs when the reader is gone before the end: nothing but it may hold its chunks.
    static func make(
        _ encoder: some TurnEncoder, _ turn: AssistantTurn, onAbandonment: @escaping @Sendable () -> Void
    ) -> (stream: TurnStream, reader: Reader) {
        let (chunks, chunk) = AsyncStream<ByteBuffer>.makeStream()
        let (openings, opening) = AsyncStream<Problem?>.makeStream()
        chunk.onTermination = { if case .cancelled = $0 { onAbandonment() } }
        return (
            TurnStream(encoder, turn, chunk, opening), Reader(chunks: chunks, openings: openings)
        )
    }

    struct Reader: Sendable {
        let chunks: AsyncStream<ByteBuffer>
        /// Yields once: nil at the first part, or the problem that came before it.
        fileprivate let openings: AsyncStream<Problem?>

        /// Waits for the first part.
        /// - Throws: the problem that came before it.
        func opened() async throws(Problem) {
            for await problem in openings {
                if let problem { throw problem }
                return
            }
            throw Problem(.overloaded, detail: "The request was cancelled.")
        }
    }

    private init(
        _ encoder: some TurnEncoder, _ turn: AssistantTurn, _ chunk: AsyncStream<ByteBuffer>.Continuation,
        _ opening: AsyncStream<Problem?>.Continuation
    ) {
        self.turn = turn
        self.chunk = chunk
        self.opening = opening
        state = Mutex(State(encoder: encoder))
    }

    func send(_ event: ModelEvent) {
        state.withLock { state in
            open(&state)
            if let part = state.encoder.part(event) { chunk.yield(part) }
        }
    }

    /// A comment, which clients ignore.
    func keepAlive() {
        state.withLock { state in
            guard state.isOpen else { return }
            chunk.yield(ByteBuffer(string: ": \n\n"))
        }
    }

    func end(_ result: Result<TurnAnswer, Problem>, requestID: String) {
        state.withLock { state in
            switch result {
            case .success(let answer):
                open(&state)
                chunk.yield(state.encoder.end(of: answer))
            case .failure(let problem) where state.isOpen:
                chunk.yield(state.encoder.failure(problem, requestID: requestID))
            case .failure(let problem): opening.yield(problem)
            }
        }
        opening.finish()
        chunk.finish()
    }

    private func open(_ state: inout State) {
        guard !state.isOpen else { return }
        state.isOpen = true
        chunk.yield(state.encoder.start(of: turn))
        opening.yield(nil)
        opening.finish()
    }
}
