import Models
import Modules

/// A tool of a server that a request offers to the model.
struct ServerTool: Sendable {
    let server: String
    let name: String
}

/// A call of a server's tool that a model asks for.
struct ServerToolCall: Sendable {
    let id: ID<ToolExecution>
    let tool: ServerTool
    /// As the conversation has it. Its id names the stored call.
    let call: ModelToolCall

    /// - Parameter asked: the call with the id of the model's service.
    init(_ id: ID<ToolExecution>, _ tool: ServerTool, _ asked: ModelToolCall) {
        self.id = id
        self.tool = tool
        call = ModelToolCall(id: Self.prefix + id.text, name: asked.name, arguments: asked.arguments)
    }

    private static let prefix = "mcp_"

    /// The stored call that the id of a call in a conversation names; nil for one that a client makes.
    static func execution(of callID: String) -> ID<ToolExecution>? {
        callID.hasPrefix(prefix) ? ID<ToolExecution>(String(callID.dropFirst(prefix.count))) : nil
    }
}

/// What came of a call.
enum ServerToolOutcome: Sendable {
    /// Texts and images.
    case result([ModelMessage.Content], isError: Bool)
    /// It waits for a person's consent.
    case pending

    static func failure(_ text: String) -> ServerToolOutcome { .result([.text(text)], isError: true) }
}

extension ModelMessage {
    /// Whether it has calls of servers' tools.
    var hasServerCalls: Bool { toolCalls.contains { ServerToolCall.execution(of: $0.id) != nil } }

    /// Without calls of servers' tools and their results, which clients do not get.
    fileprivate var clientContent: [Content] {
        content.filter { part in
            switch part {
            case .toolCall(let call): ServerToolCall.execution(of: call.id) == nil
            case .toolResult(let id, _, _): ServerToolCall.execution(of: id) == nil
            case .text, .image: true
            }
        }
    }
}

extension [ModelMessage] {
    /// The messages as a client has got them: the rounds of an answer are one.
    var asClientsGetThem: [ModelMessage] {
        guard contains(where: \.hasServerCalls) else { return self }
        var isContinued = false
        return reduce(into: []) { seen, message in
            let own = ModelMessage(message.role, message.clientContent)
            if message.role != .assistant {
                guard own.content.isEmpty, !message.content.isEmpty else {
                    isContinued = false
                    return seen.append(own)
                }
                return
            }
            if isContinued, let last = seen.last, last.role == .assistant {
                let gap: [ModelMessage.Content] =
                    last.text.isEmpty || own.text.isEmpty ? [] : [.text(AnswerRounds.separator)]
                seen[seen.count - 1] = ModelMessage(.assistant, last.content + gap + own.content)
            } else if !own.content.isEmpty || message.content.isEmpty {
                seen.append(own)
            }
            isContinued = message.hasServerCalls
        }
    }
}
