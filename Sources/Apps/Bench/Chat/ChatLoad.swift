import Base
import Foundation
import NIOCore
import Synchronization
import TestKit

/// Streams that are read at once, again and again.
struct ChatLoad: Hashable, Sendable {
    let title: String
    let streams: Int
    /// Of one answer.
    let tokens: Int
    /// Microseconds between two tokens; 0 for as fast as they are read.
    let pace: Int

    static let many = ChatLoad(title: "200 streams of 50 tokens a second", streams: 200, tokens: 100, pace: 20_000)
    static let fast = ChatLoad(title: "10 streams of 1 000 tokens a second", streams: 10, tokens: 1_000, pace: 1_000)
    static let short = ChatLoad(title: "turns of one token, 64 at once", streams: 64, tokens: 1, pace: 0)

    /// A byte that is nowhere else in a stream.
    static let token = UInt8(ascii: "~")

    /// How long an answer takes.
    var length: Duration { .microseconds(tokens * pace) }

    /// The body of a request, whose prompt says what the service answers.
    func body(ends: Bool = true) -> [UInt8] {
        let prompt = "tokens \(tokens) pace \(pace) \(ends ? "ends" : "hangs")"
        let message: JSONValue = ["role": "user", "content": .string(prompt)]
        var body: [UInt8] = []
        body.append(
            json: [
                "model": .string(ChatServer.model), "messages": [message],
                "max_tokens": .integer(Int64(max(16, tokens))), "stream": true,
            ])
        return body
    }

    /// What the service answers to a prompt of ``body(ends:)``.
    static func answer(to request: ChatUpstream.Request) -> ChatUpstream.Answer {
        let words = request.prompt.split(separator: " ")
        let numbers = words.compactMap { Int64($0) }
        guard numbers.count == 2 else { return ChatUpstream.Answer(tokens: 1) }
        return ChatUpstream.Answer(
            tokens: Int(numbers[0]), text: String(decoding: [token], as: UTF8.self),
            pace: numbers[1] == 0 ? nil : .microseconds(numbers[1]), input: 20, ends: words.last == "ends")
    }
}

/// What the readers of a load have seen.
final class ChatLog: Sendable {
    struct Counts: Sendable {
        /// From sending a request to the first token of its answer.
        var first = DurationHistogram()
        var tokens = 0
        /// Answers that were read to their end.
        var streams = 0
        var failures = 0
    }

    private let counts = Mutex(Counts())
    let isOver = Flag()

    func change(_ body: (inout Counts) -> Void) { counts.withLock { body(&$0) } }

    /// - Returns: what was seen since the last call.
    func take() -> Counts {
        counts.withLock { counts in
            defer { counts = Counts() }
            return counts
        }
    }

    var streams: Int { counts.withLock { $0.streams } }
    var failures: Int { counts.withLock { $0.failures } }
    var tokens: Int { counts.withLock { $0.tokens } }
}
