package import Identity
package import Modules

/// The tools of an organisation's servers, which another product has.
package struct WorkflowToolServers: Sendable {
    /// Of a tool.
    package struct Properties: Sendable {
        /// Whether a call needs the consent of a person.
        package let needsApproval: Bool
        /// Whether a second call with the same arguments changes nothing more.
        package let isRepeatable: Bool
        /// Of the server and the tool's definition: another one of the same names has another digest.
        package let digest: String

        package init(needsApproval: Bool, isRepeatable: Bool, digest: String) {
            self.needsApproval = needsApproval
            self.isRepeatable = isRepeatable
            self.digest = digest
        }
    }

    /// The tool that a call is for.
    package struct CalledTool: Sendable {
        package let name: String
        package let server: String
        /// That of its ``Properties``: a tool with another one is not called.
        package let digest: String
    }

    /// What a call leads to.
    package enum Outcome: Sendable {
        case output(String)
        /// The tool itself has failed, and says why.
        case failed(String)
        /// - Parameter isUnconfirmed: whether the tool may have done what it was asked for.
        case unanswered(String, isTransient: Bool, isTimeout: Bool, isUnconfirmed: Bool)
    }

    package typealias FindProperties =
        @Sendable (
            _ tool: String, _ server: String, _ organisation: ID<Organisation>, _ transaction: Transaction
        ) throws -> Properties?

    package typealias Call =
        @Sendable (
            _ tool: CalledTool, _ arguments: [String: JSONValue], _ person: ID<Person>, _ organisation: ID<Organisation>
        ) async throws -> Outcome

    let properties: FindProperties
    let call: Call

    /// - Parameters:
    ///   - properties: nil where no running server of the organisation has the tool.
    ///   - call: calls the tool and audits it; its errors are those of this server.
    package init(properties: @escaping FindProperties, call: @escaping Call) {
        self.properties = properties
        self.call = call
    }
}
