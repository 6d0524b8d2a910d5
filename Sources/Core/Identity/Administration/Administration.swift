package import Modules

extension IdentityModule {
    var users: UserService {
        UserService(
            database: database, sessions: sessions, passwords: passwords, events: events, audit: audit, mailer: mailer,
            runtime: sessions.runtime)
    }

    var impersonations: ImpersonationService {
        ImpersonationService(
            database: database, sessions: sessions, sealer: sessions.sealer, audit: audit, mailer: mailer,
            runtime: sessions.runtime)
    }
}

// MARK: From the command line

extension IdentityModule {
    /// Makes an existing account an administrator's; its sessions end, so that the next sign-in has the role.
    /// - Parameter name: its address or user name.
    /// - Returns: false when it was one already.
    /// - Throws: `not-found`.
    package func promote(named name: String) async throws(Problem) -> Bool { try await users.promote(named: name) }

    /// Gives an account another password; its sessions end.
    /// - Parameter name: its address or user name.
    /// - Throws: `not-found`; `validation-failed` for a password that is not accepted.
    package func resetPassword(named name: String, to password: String) async throws(Problem) {
        try await users.resetPassword(named: name, to: password)
    }
}
