import Modules

// Bodies that name an account: tries at it are counted wherever they come from.

extension Registration: NamesAccount {
    package var accountName: String? { email }
}

extension Credentials: NamesAccount {
    package var accountName: String? { email ?? username }
}
