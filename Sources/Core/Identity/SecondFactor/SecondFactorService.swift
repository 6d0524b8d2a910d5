import Audit
import Foundation
package import Modules
import Plotting
import Secrets

/// Manages a person's own second factor: setup, confirmation, recovery codes, removal.
final class SecondFactorService: Sendable {
    private let database: any Database
    private let confirmation: Confirmation
    private let verifier: SecondFactorVerifier
    private let loginThrottle: LoginThrottle
    private let sessions: SessionService
    private let audit: AuditService
    private let issuer: String
    private let runtime: Runtime

    /// - Parameter issuer: the name of this service in authenticators.
    init(
        database: any Database, confirmation: Confirmation, verifier: SecondFactorVerifier,
        loginThrottle: LoginThrottle, sessions: SessionService, audit: AuditService, issuer: String, runtime: Runtime
    ) {
        self.database = database
        self.confirmation = confirmation
        self.verifier = verifier
        self.loginThrottle = loginThrottle
        self.sessions = sessions
        self.audit = audit
        self.issuer = issuer
        self.runtime = runtime
    }

    func status(_ scope: Scope) async throws(Problem) -> SecondFactorStatus {
        try await database.read { try $0.secondFactorStatus(of: scope.person) }
    }

    /// Creates the secret of an authenticator and recovery codes. They take effect when a code confirms the
    /// authenticator.
    /// - Throws: `wrong-password`; `second-factor-active` when a confirmed authenticator exists.
    func setUp(_ payload: SecondFactorSetupRequest, scope: Scope) async throws(Problem) -> SecondFactorSetup {
        let secret = runtime.randomBytes(TOTP.secretBytes)
        let codes = makeCodes()
        let sealed = try await Problem.catching { try verifier.seal(secret, of: scope.person) }
        let account = try await confirmation.confirm(
            password: payload.password, demanding: .password, by: scope, for: "second_factor.set_up"
        ) { [audit] person, transaction in
            let hashes = codes.map { $0.hash(of: person.id) }
            guard try transaction.insertSecondFactor(of: person.id, sealedSecret: sealed, codes: hashes) else {
                throw Problem(.secondFactorActive)
            }
            try audit.record(AuditEvent("second_factor.set_up", by: scope, subject: person.id.text), in: transaction)
            return person.email
        }
        let uri = SecondFactor.uri(secret: secret, issuer: issuer, account: account)
        let image = try await Problem.catching { try QRCode(uri).image() }
        return SecondFactorSetup(
            secret: Base32.encode(secret), otpauthUri: uri, qrCode: image.dataURL, backupCodes: codes.map(\.text))
    }

    /// Confirms the authenticator. Other sessions remain valid: each was opened with the password, like this one.
    /// - Throws: `invalid-second-factor`; `second-factor-active` or `second-factor-not-active` when no authenticator is
    ///   pending.
    func enable(_ payload: SecondFactorCodeRequest, scope: Scope) async throws(Problem) -> SecondFactorStatus {
        let isEnabled = try await database.write { [self] transaction in
            guard let person = try transaction.person(scope.person),
                let factor = try transaction.secondFactor(of: person.id)
            else {
                throw Problem(.secondFactorNotActive, detail: "Set up an authenticator first.")
            }
            guard factor.confirmedAt == nil else { throw Problem(.secondFactorActive) }
            var counters = try loginThrottle.load(LoginAttempt(in: scope), in: transaction)
            let isRight =
                try counters.verdict == .counts && verifier.confirm(payload.code, of: person, in: transaction)
            if isRight { counters.succeed() } else { counters.fail() }
            try loginThrottle.save(counters, in: transaction)
            let event = AuditEvent(
                "second_factor.enabled", outcome: isRight ? .success : .failure, by: scope, subject: person.id.text)
            try audit.record(event, in: transaction)
            if isRight {
                try verifier.notify(
                    person, of: "A second factor was set up: every login now requires a code.", in: transaction)
            }
            return isRight
        }
        guard isEnabled else { throw Problem(.invalidSecondFactor) }
        return try await status(scope)
    }

    /// Replaces every recovery code.
    /// - Throws: `wrong-password`, `invalid-second-factor`, `second-factor-not-active`.
    func replaceCodes(_ payload: SecondFactorChangeRequest, scope: Scope) async throws(Problem) -> RecoveryCodes {
        try await requireSecondFactor(scope)
        let codes = makeCodes()
        try await confirmation.confirm(
            password: payload.password, code: payload.code, by: scope, for: "second_factor.codes_replaced"
        ) { [verifier, audit] person, transaction in
            try transaction.replaceRecoveryCodes(of: person.id, with: codes.map { $0.hash(of: person.id) })
            try audit.record(
                AuditEvent("second_factor.codes_replaced", by: scope, subject: person.id.text), in: transaction)
            try verifier.notify(
                person, of: "New recovery codes were created; the old ones are invalid.", in: transaction)
        }
        return RecoveryCodes(backupCodes: codes.map(\.text))
    }

    /// Removes the second factor and revokes every other session: the account is less protected than when they began.
    /// - Throws: `wrong-password`, `invalid-second-factor`, `second-factor-not-active`.
    func disable(_ payload: SecondFactorChangeRequest, scope: Scope) async throws(Problem) -> SecondFactorStatus {
        try await requireSecondFactor(scope)
        let ended = try await confirmation.confirm(
            password: payload.password, code: payload.code, by: scope, for: "second_factor.disabled"
        ) { [verifier, audit] person, transaction -> [ID<Session>] in
            guard try transaction.deleteSecondFactor(of: person.id) else { throw Problem(.secondFactorNotActive) }
            try audit.record(AuditEvent("second_factor.disabled", by: scope, subject: person.id.text), in: transaction)
            try verifier.notify(
                person, of: "The second factor was removed: the password alone is sufficient to sign in.",
                in: transaction)
            let reason = "second factor disabled"
            let ended = try transaction.revokeSessions(of: person.id, except: scope.session, because: reason)
            for session in ended {
                try audit.record(
                    AuditEvent("session.revoked", by: scope, subject: session.text, details: ["reason": reason]),
                    in: transaction)
            }
            return ended
        }
        sessions.noteRevoked(ended, of: scope.person)
        return try await status(scope)
    }

    private func requireSecondFactor(_ scope: Scope) async throws(Problem) {
        guard try await database.read({ try $0.hasSecondFactor(scope.person) }) else {
            throw Problem(.secondFactorNotActive)
        }
    }

    private func makeCodes() -> [RecoveryCode] { (0..<RecoveryCode.count).map { _ in RecoveryCode(runtime: runtime) } }
}

extension Problem.Kind {
    package static let invalidSecondFactor = Self("invalid-second-factor", "Invalid, used or expired code", status: 401)
    package static let secondFactorActive = Self(
        "second-factor-active", "A second factor is already enabled", status: 409)
    package static let secondFactorNotActive = Self(
        "second-factor-not-active", "No second factor is enabled", status: 409)
}
