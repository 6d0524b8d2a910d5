package import Modules

/// Who is acting, and in which organisation. Every verb takes one, so no query can forget its tenant.
package struct Scope: Sendable {
    package let organisation: ID<Organisation>
    package let person: ID<Person>
    package let role: Role
    package let session: ID<Session>
    /// Names the request in audit rows.
    package let requestID: String
    package let address: String
}
