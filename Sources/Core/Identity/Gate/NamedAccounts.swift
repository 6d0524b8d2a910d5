package import Modules

/// A payload that names the account it is about. Attempts are limited per account as well as per network.
package protocol NamesAccount: Payload {
    /// As the client sends it, such as an e-mail address.
    var accountName: String? { get }
}

extension Registration: NamesAccount {
    package var accountName: String? { email }
}

extension Credentials: NamesAccount {
    package var accountName: String? { email ?? username }
}

extension IdentityModule {
    /// Whether a call comes from a network, or a browser, from which the owner of an account signed in before.
    /// - Parameter name: as somebody typed it: an address or a user name; one that nobody has is nobody's home.
    package func isAtHome(_ name: String, _ call: Request) async throws(Problem) -> Bool {
        let key = CanonicalText.key(of: name.filter { !$0.isWhitespace })
        let visitor = PublicEndpoint().check(call)
        return try await database.read { transaction in
            guard let person = try transaction.claimant(named: key) else { return false }
            let (network, device) = LoginAttempt(of: person.id, named: key, visitor: visitor).places
            return try !transaction.familiarPlaces(of: person.id, among: [network, device ?? network]).isEmpty
        }
    }
}
