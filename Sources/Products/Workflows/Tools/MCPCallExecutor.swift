import GoalGraphs
import Identity
import Modules
import Secrets

/// Calls a tool of a server of the organisation. A call that is not repeatable is written down before it is made
/// (``EffectService``).
final class MCPCallExecutor: ToolExecutor {
    let tool = Tool.mcpCall
    let lane = JobLane.outbound
    private let servers: WorkflowToolServers
    private let database: any Database
    private let effects: EffectService

    static let serverArgument = "server"
    static let toolArgument = "tool"

    init(servers: WorkflowToolServers, database: any Database, effects: EffectService) {
        self.servers = servers
        self.database = database
        self.effects = effects
    }

    /// The tool as it is now: another server of the same name has other tools. Nil for a tool that only reads, and for
    /// one that does not exist: the step then fails.
    func consentSubject(of node: GoalNode, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> String?
    {
        guard let server = node.arguments[Self.serverArgument]?.string,
            let name = node.arguments[Self.toolArgument]?.string,
            let found = try servers.properties(name, server, organisation, transaction), found.needsApproval
        else { return nil }
        return found.digest
    }

    /// The names are written in the plan: a person may have been asked about them.
    func run(_ run: StepRun) async throws -> ToolResult {
        let server = try run.writtenText(Self.serverArgument)
        let name = try run.writtenText(Self.toolArgument)
        let (found, isAllowed) = try await database.read { [servers] transaction in
            let found = try servers.properties(name, server, run.organisation, transaction)
            guard let found, found.needsApproval else { return (found, true) }
            return (found, try transaction.isApproved(run.step, found.digest))
        }
        guard let found else {
            throw StepFailure(.toolError, "No running server '\(server)' has a tool '\(name)'.")
        }
        // The next attempt asks again.
        guard isAllowed else {
            throw StepFailure(.transient, "The tool is not the one that a person has consented to.")
        }
        let call = Call(name: name, server: server, digest: found.digest)
        guard let arguments = (run.arguments["arguments"] ?? [:]).object else {
            throw StepFailure(.toolError, "The arguments of the tool are no object.")
        }
        guard !found.isRepeatable else {
            return .output(try output(of: try await make(call, arguments, run), isRepeatable: true))
        }
        let digest = Digest.hex("\(server) \(name) \(try JSONColumn.encode(arguments))")
        switch try await effects.begin(run, kind: "mcp_call", digest: digest, isRepeatable: false) {
        case .done(let output): return .effected(output)
        case .send(let effect):
            let outcome = try await make(call, arguments, run)
            do {
                let output = try output(of: outcome, isRepeatable: false)
                try await effects.complete(effect, output)
                return .effected(output)
            } catch let failure as StepFailure {
                let isUnconfirmed = if case .unanswered(_, _, _, true) = outcome { true } else { false }
                try await effects.fail(effect, isUnconfirmed: isUnconfirmed || failure.hasTakenEffect)
                throw isUnconfirmed ? EffectService.unconfirmed : failure
            }
        }
    }

    private typealias Call = WorkflowToolServers.CalledTool

    private func make(_ call: Call, _ arguments: [String: JSONValue], _ run: StepRun) async throws
        -> WorkflowToolServers.Outcome
    {
        try await servers.call(call, arguments, run.workflow.person, run.organisation)
    }

    private func output(of outcome: WorkflowToolServers.Outcome, isRepeatable: Bool) throws(StepFailure) -> NodeOutput {
        switch outcome {
        case .output(let text):
            do throws(StepFailure) { return NodeOutput(text: try StepService.storable(text)) } catch {
                throw isRepeatable ? error : .afterEffect(error.kind, error.text)
            }
        case .failed(let text): throw StepFailure(.toolError, "The tool has failed. \(text)")
        case .unanswered(let text, let isTransient, let isTimeout, let isUnconfirmed):
            let kind: StepFailure.Kind =
                if isTransient { .transient } else if isTimeout { .timeout } else if isUnconfirmed {
                    isRepeatable ? .transient : .unknown
                } else { .toolError }
            throw StepFailure(kind, text)
        }
    }
}
