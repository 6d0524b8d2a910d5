package import Identity
import MCP
package import Modules

/// The tools of an organisation's servers, for other products.
package struct AssistantTools: Sendable {
    let executions: ToolExecutionService

    /// A tool as another product needs it.
    package struct Properties: Sendable {
        /// Whether a call needs the consent of a person.
        package let needsApproval: Bool
        /// Whether a second call with the same arguments changes nothing more, by the server's own word.
        package let isRepeatable: Bool
        /// Of the server and the tool's definition: another one of the same names has another digest.
        package let digest: String
    }

    /// What a tool has answered.
    package struct Output: Sendable {
        package let text: String
        /// Whether the tool itself has failed.
        package let isError: Bool
    }

    /// Why there is no answer.
    package struct Failure: Error, Sendable {
        /// A sentence for the user.
        package let text: String
        /// Whether the same call may succeed later.
        package let isTransient: Bool
        package let isTimeout: Bool
        /// Whether the tool may have done what it was asked for.
        package let isUnconfirmed: Bool
    }

    /// - Returns: nil where no running server of the organisation has this tool.
    package func properties(
        of tool: String, of server: String, in organisation: ID<Organisation>, _ transaction: Transaction
    ) throws -> Properties? {
        guard let found = try transaction.mcpTool(tool, of: server, in: organisation),
            found.server.status == .running
        else { return nil }
        return Properties(
            needsApproval: found.needsApproval, isRepeatable: found.tool.isReadOnly || found.tool.isIdempotent,
            digest: try executions.digest(of: found))
    }

    /// Calls a tool, and audits the call.
    /// - Parameter digest: that of ``Properties``; a tool that is another one since is not called.
    /// - Throws: ``Failure``; other errors are those of this server.
    package func call(
        _ tool: String, of server: String, digest: String, arguments: [String: JSONValue], by person: ID<Person>,
        in organisation: ID<Organisation>
    ) async throws -> Output {
        do {
            let result = try await executions.call(
                tool, of: server, digest: digest, arguments: arguments, by: person, of: organisation)
            return Output(text: result.text, isError: result.isError)
        } catch let error as MCPError {
            throw Failure(
                text: error.description, isTransient: [.unreachable, .unavailable].contains(error.kind),
                isTimeout: error.kind == .timedOut, isUnconfirmed: error.isUnconfirmed)
        } catch let problem as Problem where problem.kind.status < 500 || problem.kind == .overloaded {
            // Nothing was called.
            throw Failure(
                text: problem.detail ?? problem.title, isTransient: [.overloaded, .toolChanged].contains(problem.kind),
                isTimeout: false, isUnconfirmed: false)
        }
    }
}
