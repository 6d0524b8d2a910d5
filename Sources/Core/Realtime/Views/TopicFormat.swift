import HTTPTypes
import Identity
import Modules

/// How a request gets the messages of a topic: as a WebSocket where it asks for one, else by its `Accept` header;
/// without one, and where none is acceptable, as JSON.
struct TopicFormat: Requirement {
    enum Choice: Sendable {
        case webSocket(WebSocketHandshake)
        /// `text/event-stream` (HTML, section 9.2).
        case events
        /// `application/x-ndjson`.
        case lines
        /// One page, for which the request may wait.
        case page
    }

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { WebSocketHandshake.problems + [.csrfFailed] }
    var summary: RequirementSummary { RequirementSummary(.header, "Accept", isRequired: false) }
    let originCheck: OriginCheck

    func check(_ request: Request) throws(Problem) -> Choice {
        if let handshake = try WebSocketHandshake(request) {
            // A ticket is proof that the page was let in.
            if request.query[RealtimeMember.ticketName] == nil { try originCheck.check(request) }
            return .webSocket(handshake)
        }
        let accepted = request.headers.value(of: .accept) ?? "*/*"
        let weights: [(Choice, Int)] = [
            (.page, MediaRange.weight(of: "application/json", in: accepted)),
            (.events, MediaRange.weight(of: "text/event-stream", in: accepted)),
            (.lines, MediaRange.weight(of: "application/x-ndjson", in: accepted)),
        ]
        var best = weights[0]
        for choice in weights where choice.1 > best.1 { best = choice }
        return best.0
    }
}

/// The last message that a client has: `Last-Event-ID`, which browsers send when they connect again, or `after`.
struct TopicPosition: Requirement {
    struct Value: Sendable {
        let after: Int64
        let pointer: String
    }

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary {
        RequirementSummary(.query, "after", schema: .integer(minimum: 0), isRequired: false)
    }

    /// - Returns: nil where the request names neither.
    func check(_ request: Request) throws(Problem) -> Value? {
        let sent = request.headers.value(of: .lastEventID)
        let pointer = sent == nil ? "/query/after" : "/header/Last-Event-ID"
        guard let text = sent ?? request.query["after"] else { return nil }
        guard let after = Int64(text), after >= 0 else {
            throw Problem.invalid(pointer, "must be a whole number of 0 or more")
        }
        return Value(after: after, pointer: pointer)
    }
}

extension HTTPField.Name {
    static let lastEventID = constant("Last-Event-ID")
}
