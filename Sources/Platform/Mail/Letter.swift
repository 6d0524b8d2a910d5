/// A mail before it is rendered: which templates, for whom, and what stands in them.
package struct Letter: Sendable, Codable, Hashable {
    /// The name of its templates, such as `verify-email`.
    package let template: String
    /// The address it goes to.
    package let recipient: String
    /// What the templates' names stand for. Secrets may be among them: letters are sealed while they wait.
    package let values: [String: String]

    package init(_ template: String, to recipient: String, values: [String: String] = [:]) {
        self.template = template
        self.recipient = recipient
        self.values = values
    }
}
