import Assistant
import Workflows

extension WorkflowToolServers {
    /// Workflows call the tools of the servers that organisations have with the assistant.
    init(_ tools: AssistantTools) {
        self.init(
            properties: { tool, server, organisation, transaction in
                try tools.properties(of: tool, of: server, in: organisation, transaction).map {
                    Properties(needsApproval: $0.needsApproval, isRepeatable: $0.isRepeatable, digest: $0.digest)
                }
            },
            call: { tool, arguments, person, organisation in
                do {
                    let output = try await tools.call(
                        tool.name, of: tool.server, digest: tool.digest, arguments: arguments, by: person,
                        in: organisation)
                    return output.isError ? .failed(output.text) : .output(output.text)
                } catch let failure as AssistantTools.Failure {
                    return .unanswered(
                        failure.text, isTransient: failure.isTransient, isTimeout: failure.isTimeout,
                        isUnconfirmed: failure.isUnconfirmed)
                }
            })
    }
}
