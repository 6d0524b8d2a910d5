/// A credential for programs: it stands for a person in one organisation, and opens the doors of its scopes alone.
package struct APIKey: Sendable {
}
