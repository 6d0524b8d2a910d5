import Modules

// Payloads that name an account: attempts at it are counted whatever network they come from.

extension Registration: NamesAccount {
    package var accountName: String? { email }
}

extension Credentials: NamesAccount {
    package var accountName: String? { email ?? username }
}
