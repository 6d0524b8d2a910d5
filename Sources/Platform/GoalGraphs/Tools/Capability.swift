/// What an agent must be able to do to run a step.
package enum Capability: String, Hashable, Sendable, Codable, CaseIterable {
    /// Requests to other services.
    case web
    case mail
    case files
    /// Tables and JSON.
    case data
    /// Later and repeated runs, and workflows within workflows.
    case scheduling
    case commands
    /// Tools of other servers, by the Model Context Protocol.
    case integrations
    /// Texts of a language model.
    case language
}
