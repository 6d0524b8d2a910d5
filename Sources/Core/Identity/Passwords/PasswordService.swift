import Audit
import Mail
import Modules
import Secrets

/// The verbs of passwords: changing one's own, and having another when it is forgotten.
struct PasswordService: Sendable {
    let database: any Database
    let hasher: PasswordHasher
    let policy: PasswordPolicy
    let challenges: ChallengeService
    let confirmation: Confirmation
    let signInGuard: LoginThrottle
    let revocations: Revocations
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime

    /// Changes the password of somebody who knows the present one. Their other sessions end unless they say otherwise.
    /// - Throws: `wrong-password`; `validation-failed`; `conflict` when it was changed elsewhere meanwhile.
    func change(_ request: PasswordChange, scope: Scope) async throws(Problem) -> PasswordChanged {
        guard let present = request.currentPassword ?? request.oldPassword else {
            throw Problem.invalid("/current_password", "is required")
        }
        let person = try await confirmation.confirm(password: present, by: scope, for: "password.changed") {
            person, _ in person
        }
        guard request.newPassword != present else {
            throw Problem.invalid("/new_password", "must not be the present password")
        }
        try policy.check(request.newPassword, against: person.names, at: "/new_password")
        let hash = try await hasher.hash(request.newPassword)
        let ended = try await database.write { transaction -> [ID<Session>] in
            guard try transaction.lockedPerson(person.id) != nil,
                try transaction.setPassword(hash, of: person.id, replacing: person.passwordHash)
            else {
                throw Problem(.conflict, detail: "The password was changed elsewhere at the same time. Sign in again.")
            }
            try audit.record(AuditEvent("password.changed", by: scope, subject: person.id.text), in: transaction)
            try tellChange(person, from: scope.address, in: transaction)
            guard request.signOutOthers ?? true else { return [] }
            return try transaction.revokeSessions(of: person.id, except: scope.session, because: "password changed")
        }
        revocations.note(ended, at: runtime.now())
        return PasswordChanged(message: "The password is changed", sessionsEnded: ended.count)
    }

    /// Mails a link and a code for a new password. Strangers learn nothing of whether there is such an account, see ``VerificationService/resend(to:visitor:)``.
    func forgot(_ address: String, visitor: ClientInfo) async throws(Problem) -> Acknowledgement {
        let email = try EmailAddress(reading: address, at: "/email")
        try await database.write { transaction in
            let person = try transaction.lockedPerson(withAddress: email.key)
            var isSent = false
            if let person, !person.isSuspended {
                isSent = try challenges.send(.resetPassword, to: person.email, of: person, in: transaction)
            }
            try audit.record(
                AuditEvent(
                    "password.reset-requested", outcome: isSent ? .success : .refused, from: visitor,
                    subject: person?.id.text), in: transaction
            )
        }
        return Acknowledgement(message: "If this address belongs to an account, a mail is on its way to it.")
    }

    /// Gives a new password to whoever proves that they read the account's mail, and ends every session. It signs nobody in.
    /// - Throws: `invalid-proof`, `proof-used`; `validation-failed`, which leaves the link as good as it was.
    func reset(_ proof: Proof, to password: String, visitor: ClientInfo) async throws(Problem) -> PasswordChanged {
        try policy.check(password, against: [], at: "/new_password")
        if case .link(let token) = proof { try await requireLink(token, visitor) }
        let hash = try await hasher.hash(password)
        let (answer, ended) = try await database.write {
            transaction -> (Result<PasswordChanged, Problem>, [ID<Session>]) in
            switch try challenges.redeem(proof, for: [.resetPassword], in: transaction) {
            case .proved(_, let person):
                try policy.check(password, against: person.names, at: "/new_password")
                _ = try transaction.setPassword(hash, of: person.id, replacing: person.passwordHash)
                // It was mailed to the person's present address: a change of address ends what was sent before.
                _ = try challenges.accept(person, by: visitor, in: transaction)
                // Whoever reads the address has shown whose account it is: what strangers tried in it no longer stands in the way.
                try signInGuard.forgive(person.id, visitor: visitor, in: transaction)
                let ended = try transaction.revokeSessions(of: person.id, because: "password reset")
                try audit.record(
                    AuditEvent(
                        "password.reset", from: visitor, actor: person.id.text, organisation: person.organisation.text,
                        subject: person.id.text),
                    in: transaction
                )
                try tellChange(person, from: visitor.address, in: transaction)
                return (
                    .success(
                        PasswordChanged(
                            message: "The password is changed. Sign in with it.", sessionsEnded: ended.count)), ended
                )
            case .used(let person):
                try recordFailure(person.id, visitor, in: transaction)
                return (.failure(.proofUsed(proof)), [])
            case .refused(let person):
                try recordFailure(person, visitor, in: transaction)
                return (.failure(.invalidProof(proof)), [])
            }
        }
        revocations.note(ended, at: runtime.now())
        return try answer.get()
    }

    /// Turns tokens away that were never mailed, before anything is hashed for them. A code must not be looked at first: the time would tell
    /// whether one was sent.
    private func requireLink(_ token: String, _ visitor: ClientInfo) async throws(Problem) {
        guard try await database.read({ try $0.challenge(withLink: Digest.hex(token)) }) == nil else { return }
        try await database.write { transaction in try recordFailure(nil, visitor, in: transaction) }
        throw .invalidProof(.link(token: token))
    }

    private func tellChange(_ person: Person, from address: String, in transaction: Transaction) throws {
        try transaction.endChallenges(of: person.id, for: [.resetPassword, .changeEmail])
        try mailer.send(.notice("password-changed", to: person, at: transaction.now, from: address), in: transaction)
    }

    private func recordFailure(_ person: ID<Person>?, _ visitor: ClientInfo, in transaction: Transaction) throws {
        try audit.record(
            AuditEvent("password.reset", outcome: .failure, from: visitor, subject: person?.text), in: transaction)
    }
}

extension Transaction {
    /// Replaces a password, if it still is what the caller saw.
    func setPassword(_ hash: String, of person: ID<Person>, replacing old: String) throws -> Bool {
        try execute(
            "UPDATE people SET password_hash = \(hash), updated_at = \(now) WHERE id = \(person) AND password_hash = \(old)"
        ) == 1
    }
}
