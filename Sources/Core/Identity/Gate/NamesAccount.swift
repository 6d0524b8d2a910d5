package import Modules

/// A payload that names the account it is about. Attempts are limited per account as well as per network.
package protocol NamesAccount: Payload {
    /// As the client sends it, such as an e-mail address.
    var accountName: String? { get }
}

extension NamesAccount {
    /// The same for every spelling of the name of one account; nil where the client names none.
    package var accountKey: String? {
        accountName.map { CanonicalText.accountKey(of: $0.filter { !$0.isWhitespace }) }
    }
}

extension Registration: NamesAccount {
    package var accountName: String? { email }
}

extension Credentials: NamesAccount {
    package var accountName: String? { email ?? username }
}
