package import Modules

/// What an organisation owes or is owed, so that it cannot be erased yet.
package struct Obligation: Sendable {
    /// What it is, and what the person can do, for people.
    package let sentence: String
    /// Further members of the problem response.
    package let members: [String: JSONValue]

    package init(_ sentence: String, members: [String: JSONValue] = [:]) {
        self.sentence = sentence
        self.members = members
    }
}
