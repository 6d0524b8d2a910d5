import Base
import Outbound

/// Reads the answer to one request out of a body: a message of JSON, or a stream of events.
struct MCPBodyReader: Sendable {
    private let id: JSONValue
    private let limits: MCPLimits
    private let isJSON: Bool
    private var events: ServerSentEventReader?
    private var body: [UInt8] = []
    private var bytes = 0
    private var messages = 0
    private(set) var answer: MCPAnswer?
    /// The server's own requests, which wait for an answer.
    private var requests: [(id: JSONValue, method: String)] = []

    /// - Parameter mediaType: of the body, in lower case and without parameters.
    init(id: JSONValue, mediaType: String, limits: MCPLimits) {
        self.id = id
        self.limits = limits
        isJSON = mediaType == "application/json"
        events = mediaType == "text/event-stream" ? ServerSentEventReader(eventBytesMax: limits.messageBytes) : nil
    }

    /// Whether nothing more is to be read: the answer is there, or the body is neither of the two kinds.
    var isComplete: Bool { answer != nil || !isJSON && events == nil }

    mutating func read(_ chunk: some Collection<UInt8>) throws(MCPError) {
        bytes += chunk.count
        guard bytes <= limits.messageBytes else { throw tooLarge }
        guard events != nil else {
            if isJSON { body += chunk }
            return
        }
        let found: [ServerSentEvent]
        do { found = try events?.read(chunk) ?? [] } catch { throw tooLarge }
        // An event without data only has an id, from which a stream could be resumed.
        for event in found where !event.data.isEmpty && answer == nil { try take(try MCPMessage(parsing: event.data)) }
    }

    /// The body has ended.
    /// - Parameter isSuccess: whether the status says so; only then the body has to be an answer.
    mutating func finish(isSuccess: Bool) throws(MCPError) {
        if isJSON, !body.isEmpty {
            do throws(MCPError) {
                let message = try MCPMessage(parsing: body)
                if !isSuccess, case .error(_, let code, let text, let data) = message {
                    // A server that refuses the request as a whole need not have read its id.
                    answer = .error(code: code, message: text, data: data)
                } else {
                    try take(message)
                }
            } catch {
                if isSuccess { throw error }
            }
        }
        guard answer != nil || !isSuccess || events == nil else {
            throw .malformed("The stream of the server ends without an answer.")
        }
    }

    /// The requests since the last call.
    mutating func takeRequests() -> [(id: JSONValue, method: String)] {
        defer { requests = [] }
        return requests
    }

    private mutating func take(_ message: MCPMessage) throws(MCPError) {
        messages += 1
        guard messages <= limits.messages else {
            throw MCPError(.tooLarge, "The server sends more than \(limits.messages) messages before its answer.")
        }
        switch message {
        case .request(let id, let method, _): requests.append((id, method))
        case .notification: break
        case .result(let id, let result):
            guard id == self.id else { throw .malformed("The server answers another request than the one it got.") }
            answer = .result(result)
        case .error(let id, let code, let message, let data):
            guard id == nil || id == self.id else {
                throw .malformed("The server answers another request than the one it got.")
            }
            answer = .error(code: code, message: message, data: data)
        }
    }

    private var tooLarge: MCPError {
        MCPError(.tooLarge, "The answer of the server has more than \(limits.messageBytes) bytes.")
    }
}
