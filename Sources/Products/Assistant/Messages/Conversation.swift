import Models
import Modules

/// The messages that are sent to the model: those of a session, and new ones behind them.
struct Conversation: Sendable {
    let messages: [ModelMessage]
    /// The position of the last stored message that is left out; nil where all are sent.
    let leftOutThrough: Int64?
    /// The position of the last stored message that the summary covers; -1 without one.
    let summarisedThrough: Int64

    private struct Entry {
        let message: ModelMessage
        /// Nil for a new one.
        let position: Int64?
    }

    /// - Parameters:
    ///   - history: of the session. A call without a result, such as that of an answer that was interrupted, is left
    ///     out, because services refuse it.
    ///   - new: of the request.
    ///   - tokensMax: about as many tokens as the model reads. Of a longer conversation the messages that the summary
    ///     covers are left out, for which it stands, and then the oldest turns; instructions and the new messages never
    ///     are.
    ///     Of more images than services accept the oldest are left out, with a sentence in place of each.
    /// - Throws: `validation-failed` for new calls without results, and for results without calls.
    init(_ history: SessionHistory, _ new: [ModelMessage], tokensMax: Int64) throws(Problem) {
        summarisedThrough = history.summary?.through ?? -1
        let entries =
            history.messages.map { Entry(message: $0.message, position: $0.position) }
            + new.map { Entry(message: $0, position: nil) }
        let kept = Self.withFewImages(try Self.withPairedCalls(entries))
        guard Self.tokens(of: kept) > tokensMax else {
            messages = kept.map(\.message)
            leftOutThrough = nil
            return
        }
        guard let summary = history.summary else {
            let windowed = Self.windowed(kept, tokensMax: tokensMax)
            messages = windowed.map(\.message)
            leftOutThrough = Self.lastPosition(of: kept, without: windowed)
            return
        }
        let following = Self.fromTurn(
            kept.filter { $0.message.role == .system || $0.position ?? .max > summary.through })
        let windowed = Self.windowed(following, tokensMax: tokensMax - TokenCount.estimate(summary.message))
        leftOutThrough = Self.lastPosition(of: kept, without: windowed)
        var messages = windowed.map(\.message)
        messages.insert(summary.message, at: messages.firstIndex { $0.role != .system } ?? messages.endIndex)
        self.messages = messages
    }

    private static func withFewImages(_ entries: [Entry]) -> [Entry] {
        var excess = entries.reduce(0) { $0 + $1.message.imageCount } - MessageImage.countMax
        guard excess > 0 else { return entries }
        return entries.map { Entry(message: $0.message.withoutImages(&excess), position: $0.position) }
    }

    /// Without the rest of a turn whose beginning is left out: it may have results of calls that are not there.
    private static func fromTurn(_ entries: [Entry]) -> [Entry] {
        guard let beginning = entries.firstIndex(where: \.message.beginsTurn) else { return entries }
        return entries.indices.filter { $0 >= beginning || entries[$0].message.role == .system }.map { entries[$0] }
    }

    private static func tokens(of entries: [Entry]) -> Int64 {
        entries.reduce(0) { $0 + TokenCount.estimate($1.message) }
    }

    /// The last position that is not among those that are kept, but for instructions.
    private static func lastPosition(of all: [Entry], without kept: [Entry]) -> Int64? {
        let kept = Set(kept.compactMap(\.position))
        return all.filter { $0.message.role != .system }.compactMap(\.position).last { !kept.contains($0) }
    }

    private static func withPairedCalls(_ entries: [Entry]) throws(Problem) -> [Entry] {
        var kept: [Entry] = []
        var pending: Set<String> = []
        for (index, entry) in entries.enumerated() {
            let message = entry.message
            guard message.role == .assistant else {
                for id in message.resultIDs where pending.remove(id) == nil {
                    throw Problem.invalid("/messages", "has a result of a tool without the call before it: \(id)")
                }
                kept.append(entry)
                continue
            }
            let calls = message.toolCalls.map(\.id)
            let following = entries[(index + 1)...].prefix { $0.message.role != .assistant }
            let unanswered = Set(calls).subtracting(following.flatMap(\.message.resultIDs))
            guard !unanswered.isEmpty else {
                pending = Set(calls)
                kept.append(entry)
                continue
            }
            guard let position = entry.position else {
                throw Problem.invalid("/messages", "has a call of a tool without its result")
            }
            let content = message.content.filter { part in
                if case .toolCall(let call) = part { !unanswered.contains(call.id) } else { true }
            }
            pending = Set(calls).subtracting(unanswered)
            if !content.isEmpty { kept.append(Entry(message: ModelMessage(.assistant, content), position: position)) }
        }
        return kept
    }

    private static func windowed(_ entries: [Entry], tokensMax: Int64) -> [Entry] {
        var tokens = tokens(of: entries)
        guard tokens > tokensMax else { return entries }
        var first = 0
        // A turn begins with a message of the user. The newest one is kept, whatever its size.
        let newest = entries.firstIndex { $0.position == nil && $0.message.role != .system }
        let beginnings = entries.indices.prefix((newest ?? entries.count) + 1).filter {
            entries[$0].message.beginsTurn
        }
        for beginning in beginnings where tokens > tokensMax {
            for entry in entries[first..<beginning] where entry.message.role != .system {
                tokens -= TokenCount.estimate(entry.message)
            }
            first = beginning
        }
        return entries.indices.filter { $0 >= first || entries[$0].message.role == .system }.map { entries[$0] }
    }
}
