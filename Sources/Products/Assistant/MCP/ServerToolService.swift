import Identity
import MCP
import Models
import Modules

/// Offers tools of an organisation's servers to models, and makes the calls that they ask for.
final class ServerToolService: Sendable {
    private let database: any Database
    private let executions: ToolExecutionService
    private let runtime: Runtime

    /// Requests to the model for one answer.
    static let roundsMax = 8
    /// Calls of one round that are made; the model gets an error for further ones.
    private static let callsMax = 16
    private static let callsAtOnce = 4
    /// Of a result that the model gets; the stored call has the whole.
    private static let resultBytesMax: Int64 = 64 << 10
    private static let imagesMax = 4
    private static let imageBytes: Int64 = 6_000
    /// OpenAI's API accepts no longer names.
    private static let nameBytesMax = 64

    init(database: any Database, executions: ToolExecutionService, runtime: Runtime) {
        self.database = database
        self.executions = executions
        self.runtime = runtime
    }

    // MARK: Offering

    /// Adds the tools of servers that a request wants to its tools. Their names have underscores in place of dots, and
    /// 64 characters; of two that are then the same the first one is offered.
    /// - Throws: `validation-failed` for servers and tools that there are none of, for a name of another tool of the
    ///   request, and for too many tools.
    func offered(_ request: TurnRequest, scope: Scope) async throws(Problem) -> TurnRequest {
        guard let offer = request.toolOffer else { return request }
        let found = try await database.read { transaction in
            try transaction.mcpServers(of: scope.organisation).filter { $0.status == .running }
                .map { (server: $0.name, tools: try transaction.tools(of: $0)) }
        }
        try Self.requireNames(offer.enabledServers, of: found.map(\.server), "enabled_servers", "is no running server")
        try Self.requireNames(offer.priority, of: found.map(\.server), "priority", "is no running server")
        let enabled = found.filter { offer.enabledServers?.contains($0.server) ?? true }
        let names = enabled.flatMap { $0.tools.map(\.name) }
        try Self.requireNames(offer.enabledTools, of: names, "enabled_tools", "is no tool of these servers")
        let preferred = offer.priority ?? []
        let ordered =
            preferred.compactMap { name in enabled.first { $0.server == name } }
            + enabled.filter { !preferred.contains($0.server) }
        var request = request
        for (server, tools) in ordered {
            for tool in tools where offer.enabledTools?.contains(tool.name) ?? true {
                try Self.add(tool, of: server, to: &request)
            }
        }
        guard request.tools.count <= ClientTool.countMax else {
            throw Problem.invalid("/mcp/enabled_tools", "names more than \(ClientTool.countMax) tools, or is not there")
        }
        return request
    }

    private static func add(_ tool: MCPTool, of server: String, to request: inout TurnRequest) throws(Problem) {
        let bytes = tool.name.utf8.prefix(nameBytesMax).map { ToolName.isAllowed($0) ? $0 : UInt8(ascii: "_") }
        let name = String(decoding: bytes, as: UTF8.self)
        guard request.serverTools[name] == nil else { return }
        if let index = request.tools.firstIndex(where: { $0.name == name }) {
            throw Problem.invalid("/tools/\(index)", "has the name of a tool of the server '\(server)'")
        }
        request.serverTools[name] = ServerTool(server: server, name: tool.name)
        request.tools.append(
            ModelTool(name: name, description: tool.description, parameters: tool.inputSchema))
    }

    private static func requireNames(_ names: [String]?, of known: [String], _ member: String, _ fault: String)
        throws(Problem)
    {
        let known = Set(known)
        for (index, name) in (names ?? []).enumerated() where !known.contains(name) {
            throw Problem.invalid("/mcp/\(member)/\(index)", fault)
        }
    }

    // MARK: Calling

    /// The calls of servers' tools in an answer.
    func calls(_ answer: ModelResponse.Choice, _ tools: [String: ServerTool]) -> [ServerToolCall] {
        answer.toolCalls.compactMap { call in
            tools[call.name].map { ServerToolCall(runtime.id(), $0, call) }
        }
    }

    /// Makes the calls of one round.
    /// - Parameter deadline: when calls that have not ended are cancelled, as they are with the task.
    /// - Returns: what came of each.
    func make(
        _ calls: [ServerToolCall], in session: ID<AssistantSession>, scope: Scope,
        until deadline: ContinuousClock.Instant
    ) async -> [ServerToolOutcome] {
        var outcomes = calls.indices.map { index in
            ServerToolOutcome.failure(
                index < Self.callsMax
                    ? "The call was not made: the time of the answer was over."
                    : "The call was not made: an answer has at most \(Self.callsMax) at once.")
        }
        await withTaskGroup(of: (Int, ServerToolOutcome)?.self) { group in
            group.addTask {
                try? await Task.sleep(until: deadline, clock: .continuous)
                return nil
            }
            var waiting = calls.prefix(Self.callsMax).enumerated().makeIterator()
            var running = 0
            var isOver = false
            func next() {
                guard !isOver, !Task.isCancelled, let (index, call) = waiting.next() else { return }
                running += 1
                group.addTask { [self] in (index, await make(call, in: session, scope: scope)) }
            }
            for _ in 0..<Self.callsAtOnce { next() }
            while running > 0, let ended = await group.next() {
                guard let (index, outcome) = ended else {
                    isOver = true
                    group.cancelAll()
                    continue
                }
                running -= 1
                outcomes[index] = outcome
                next()
            }
            group.cancelAll()
        }
        return outcomes
    }

    private func make(_ call: ServerToolCall, in session: ID<AssistantSession>, scope: Scope) async
        -> ServerToolOutcome
    {
        guard let arguments = call.call.object?.object else {
            return .failure("The arguments are no JSON object.")
        }
        let request = MCPToolCall(
            server: call.tool.server, tool: call.tool.name, arguments: arguments, sessionId: session)
        do throws(Problem) {
            guard let result = try await executions.call(request, as: call.id, scope: scope) else { return .pending }
            return .result(Self.content(of: result), isError: result.isError)
        } catch {
            return .failure(error.detail ?? error.title)
        }
    }

    /// Neighbouring texts are one, as in ``MCPToolResult/text``. What is no image that the model APIs accept is a text.
    private static func content(of result: MCPToolResult) -> [ModelMessage.Content] {
        guard result.content.contains(where: { $0["type"] == "image" }) else {
            return [.text(result.text.replacingNUL)]
        }
        return result.content.map { part in
            if part["type"] == "image", let data = part["data"]?.string, let type = part["mimeType"]?.string,
                let image = try? MessageImage.image(type, base64: data, "")
            {
                return .image(image)
            }
            return .text(MCPToolResult.text(of: part).replacingNUL)
        }
    }

    /// The results that the model gets: each is cut at 64 KiB, and where it takes more than is left.
    /// - Parameters:
    ///   - takesImages: whether the model gets images, four of a result; otherwise a text says that there is one.
    ///   - left: bytes of results that the answer may still have; an image counts as 6,000.
    static func results(
        _ calls: [ServerToolCall], _ outcomes: [ServerToolOutcome], takesImages: Bool, within left: inout Int64
    ) -> [ModelMessage.Content] {
        var results: [ModelMessage.Content] = []
        for (call, outcome) in zip(calls, outcomes) {
            guard case .result(let parts, let isError) = outcome else { continue }
            var own = min(resultBytesMax, max(0, left))
            let before = own
            var images = takesImages ? imagesMax : 0
            var content: [ModelMessage.Content] = []
            for part in parts {
                if case .text(let text) = part {
                    content.append(.text(cut(text, within: &own)))
                } else if images > 0, own >= imageBytes {
                    images -= 1
                    own -= imageBytes
                    content.append(part)
                } else {
                    content.append(.text(ModelMessage.leftOutImage))
                }
            }
            left -= before - own
            if !content.hasImage {
                let texts = content.map { ModelMessage(.user, [$0]).text }
                content = [.text(texts.joined(separator: "\n"))]
            }
            results.append(.toolResult(callID: call.call.id, content: content, isError: isError))
        }
        return results
    }

    private static func cut(_ text: String, within left: inout Int64) -> String {
        let count = Int64(text.utf8.count)
        guard count > left else {
            left -= count
            return text
        }
        // The bytes of a cut character become one that says so.
        let kept = String(decoding: text.utf8.prefix(Int(left)), as: UTF8.self)
        left = 0
        return kept + "\n[The text has \(count) bytes, and was cut.]"
    }
}
