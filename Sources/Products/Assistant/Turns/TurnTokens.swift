/// The tokens that a turn may take: those of its conversation and of its answer, for each of its answers.
struct TurnTokens: Sendable {
    /// Of the conversation, at most.
    let input: Int64
    /// Of an answer, as the client bounds it.
    let answer: Int64
    let count: Int64

    /// An answer gets as many at least, or as many as its client asks for: with fewer left the turn is refused.
    static let answerMin: Int64 = 16

    init(_ request: TurnRequest, input: Int64) {
        self.init(input: input, answer: request.answerTokens, count: Int64(request.count))
    }

    init(input: Int64, answer: Int64, count: Int64 = 1) {
        (self.input, self.answer, self.count) = (input, answer, count)
    }

    var most: Int64 { count * (input + answer) }
    var least: Int64 { count * (input + min(answer, Self.answerMin)) }

    /// The bound of an answer with this many reserved tokens.
    func answer(within reserved: Int64) -> Int64 { min(answer, reserved / count - input) }
}
