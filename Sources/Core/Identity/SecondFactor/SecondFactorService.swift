import Audit
import Foundation
import Modules
import Plotting
import Secrets

/// The verbs of a person's own second factor: set up, confirm, replace the recovery codes, give up.
struct SecondFactorService: Sendable {
    let database: any Database
    let confirmation: Confirmation
    let secondFactors: SecondFactors
    let signInGuard: LoginThrottle
    let revocations: Revocations
    let audit: AuditModule
    /// What authenticators call this service.
    let issuer: String
    let runtime: Runtime

    func status(_ scope: Scope) async throws(Problem) -> SecondFactorStatus {
        try await database.read { transaction in
            let since = try transaction.first(
                "SELECT confirmed_at FROM second_factors WHERE person_id = \(scope.person)"
            ) {
                try $0["confirmed_at"] as Instant?
            }
            let isEnabled = since != .none && since != .some(.none)
            return SecondFactorStatus(
                enabled: isEnabled,
                enabledAt: since ?? nil,
                pending: since == .some(.none),
                backupCodesRemaining: isEnabled ? try transaction.countRecoveryCodes(of: scope.person) : 0
            )
        }
    }

    /// Makes a secret for an authenticator, and recovery codes. Nothing is asked for until a code has shown that the authenticator has it.
    /// - Throws: `wrong-password`; `second-factor-active` where there is one that would be replaced.
    func setUp(_ request: PasswordAsked, scope: Scope) async throws(Problem) -> SecondFactorSetup {
        let secret = runtime.randomBytes(TOTP.secretBytes)
        let codes = makeCodes()
        let sealed = try await Problem.catching {
            try SecondFactor.seal(secret, of: scope.person, with: secondFactors.sealer)
        }
        let account = try await confirmation.confirm(password: request.password, by: scope, for: "second_factor.set_up")
        { [audit] person, transaction in
            let hashes = codes.map { $0.hash(of: person.id) }
            guard try transaction.insertSecondFactor(of: person.id, sealedSecret: sealed, codes: hashes) else {
                throw Problem(.secondFactorActive)
            }
            try audit.record(AuditEvent("second_factor.set_up", by: scope, subject: person.id.text), in: transaction)
            return person.email
        }
        let address = SecondFactor.address(secret: secret, issuer: issuer, account: account)
        let picture = try await Problem.catching { try QRCode(address).image() }
        return SecondFactorSetup(
            secret: Base32.encode(secret), otpauthUri: address, qrCode: picture.dataURL, backupCodes: codes.map(\.text)
        )
    }

    /// Takes the authenticator into use. Other sessions stay: they were opened by somebody with the password, as this one was.
    /// - Throws: `invalid-second-factor`; `second-factor-active` or `second-factor-not-active` where nothing waits to be confirmed.
    func enable(_ request: CodeAsked, scope: Scope) async throws(Problem) -> SecondFactorStatus {
        let isEnabled = try await database.write { transaction in
            guard let person = try transaction.person(scope.person),
                let factor = try transaction.secondFactor(of: person.id)
            else {
                throw Problem(.secondFactorNotActive, detail: "Set one up first.")
            }
            guard factor.confirmedAt == nil else { throw Problem(.secondFactorActive) }
            var door = try signInGuard.open(LoginAttempt(in: scope), in: transaction)
            let isRight =
                try door.verdict == .counts && secondFactors.confirm(request.code, of: person, in: transaction)
            if isRight { door.succeed() } else { door.fail() }
            try signInGuard.close(door, in: transaction)
            let event = AuditEvent(
                "second_factor.enabled", outcome: isRight ? .success : .failure, by: scope, subject: person.id.text)
            try audit.record(event, in: transaction)
            if isRight {
                try secondFactors.tell(
                    person, "A second factor was set up: a code is asked for at every sign-in.", in: transaction)
            }
            return isRight
        }
        guard isEnabled else { throw Problem(.invalidSecondFactor) }
        return try await status(scope)
    }

    /// Makes ten recovery codes in place of all that there were.
    /// - Throws: `wrong-password`, `invalid-second-factor`, `second-factor-not-active`.
    func replaceCodes(_ request: PasswordAndCode, scope: Scope) async throws(Problem) -> RecoveryCodes {
        try await demandSecondFactor(scope)
        let codes = makeCodes()
        let (secondFactors, audit) = (secondFactors, audit)
        try await confirmation.confirm(
            password: request.password, code: request.code, by: scope, for: "second_factor.codes_replaced"
        ) { person, transaction in
            try transaction.replaceRecoveryCodes(of: person.id, with: codes.map { $0.hash(of: person.id) })
            try audit.record(
                AuditEvent("second_factor.codes_replaced", by: scope, subject: person.id.text), in: transaction)
            try secondFactors.tell(person, "New recovery codes were made; the old ones are void.", in: transaction)
        }
        return RecoveryCodes(backupCodes: codes.map(\.text))
    }

    /// Gives the second factor up. Every other session ends: whoever holds one should not be left with an account that got weaker.
    /// - Throws: `wrong-password`, `invalid-second-factor`, `second-factor-not-active`.
    func disable(_ request: PasswordAndCode, scope: Scope) async throws(Problem) -> SecondFactorStatus {
        try await demandSecondFactor(scope)
        let (secondFactors, audit) = (secondFactors, audit)
        let ended = try await confirmation.confirm(
            password: request.password, code: request.code, by: scope, for: "second_factor.disabled"
        ) {
            person, transaction -> [ID<Session>] in
            guard try transaction.deleteSecondFactor(of: person.id) else { throw Problem(.secondFactorNotActive) }
            try audit.record(AuditEvent("second_factor.disabled", by: scope, subject: person.id.text), in: transaction)
            try secondFactors.tell(
                person, "The second factor was removed: the password alone is enough to sign in.", in: transaction)
            let reason = "second factor disabled"
            let ended = try transaction.revokeSessions(of: person.id, except: scope.session, because: reason)
            for session in ended {
                try audit.record(
                    AuditEvent("session.revoked", by: scope, subject: session.text, details: ["reason": reason]),
                    in: transaction)
            }
            return ended
        }
        revocations.note(ended, at: runtime.now())
        return try await status(scope)
    }

    private func demandSecondFactor(_ scope: Scope) async throws(Problem) {
        guard try await database.read({ try $0.hasSecondFactor(scope.person) }) else {
            throw Problem(.secondFactorNotActive)
        }
    }

    private func makeCodes() -> [RecoveryCode] { (0..<RecoveryCode.count).map { _ in RecoveryCode(runtime: runtime) } }
}
