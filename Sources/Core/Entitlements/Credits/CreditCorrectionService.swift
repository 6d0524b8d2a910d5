import Audit
import Identity
import Ledger
import Modules
import Secrets

/// Corrections by administrators: further postings, never changes of earlier ones.
final class CreditCorrectionService: Sendable {
    private let database: any Database
    private let credits: CreditService
    private let ledger: LedgerService
    private let audit: AuditService

    init(database: any Database, credits: CreditService, ledger: LedgerService, audit: AuditService) {
        self.database = database
        self.credits = credits
        self.ledger = ledger
        self.audit = audit
    }

    /// Grants or revokes credits of an account.
    /// - Parameter key: the `Idempotency-Key` header: a repeat returns the first correction.
    /// - Throws: `invalid-request` without a key, `not-found` for an unknown account, `validation-failed`,
    ///   `credits-not-available` for more than can be revoked, `already-corrected`, `operation-conflict`.
    func correct(_ correction: CreditCorrection, key: String?, scope: Scope, person: ID<Person>) async throws(Problem)
        -> CreditEntry
    {
        guard let key, !key.isEmpty else {
            throw Problem(
                .invalidRequest, detail: "Send an Idempotency-Key, so that a repeat of the request changes nothing.")
        }
        let (operation, fingerprint) = ("correct:\(key)", Digest.hex(correction.summary))
        return try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let organisation = try transaction.requirePersonalOrganisation(of: person)
            let (entry, isNew) = try correct(
                correction, operation: operation, fingerprint: fingerprint, of: organisation, in: transaction)
            if isNew {
                var details = ["units": "\(correction.units)", "reason": correction.reason]
                if let wrong = correction.corrects { details["corrects"] = wrong.text }
                try audit.record(
                    AuditEvent(
                        "credits.corrected", by: scope, in: organisation, subject: entry.id.text, target: person,
                        details: details), in: transaction)
            }
            return try CreditEntry(entry)
        }
    }

    /// - Returns: the entry, and whether this call made it.
    func correct(
        _ correction: CreditCorrection, operation: String, fingerprint: String, of organisation: ID<Organisation>,
        in transaction: Transaction
    ) throws -> (entry: LedgerEntry, isNew: Bool) {
        try credits.lock(organisation, in: transaction)
        if let known = try ledger.posting(ofOperation: operation, of: organisation.text, in: transaction) {
            guard known.fingerprint == fingerprint else { throw Problem(.operationConflict) }
            return (known, false)
        }
        var faults = correction.faults(at: transaction.now)
        if let wrong = correction.corrects, try ledger.posting(wrong, of: organisation.text, in: transaction) == nil {
            faults.append(Problem.Fault("/corrects", "is no entry of this account"))
        }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        if let wrong = correction.corrects,
            let earlier = try ledger.correction(of: wrong, of: organisation.text, in: transaction)
        {
            throw Problem(
                .alreadyCorrected,
                detail: "The entry \(earlier.id) corrects it. If that one is wrong, correct that one.",
                members: ["corrected_by": .string(earlier.id.text)])
        }
        var moves = CreditMovements(organisation)
        if correction.units > 0 {
            let grant = CreditGrant(
                correction.units, .correction, expiresAt: correction.expiresAt, operation: operation)
            _ = try credits.insertLot(grant, &moves, in: transaction)
        } else {
            for part in try revocable(correction, of: organisation, in: transaction) {
                try moves.move(part.units, of: part.lot, from: .available, to: .reversed, in: transaction)
            }
        }
        let id = try credits.post(
            .corrected, moves, operation: operation, fingerprint: fingerprint, reason: correction.reason,
            corrects: correction.corrects, in: transaction)
        guard let id, let entry = try ledger.posting(id, of: organisation.text, in: transaction) else {
            preconditionFailure("a correction has a movement")
        }
        return (entry, true)
    }

    /// The lots that a correction revokes from.
    private func revocable(
        _ correction: CreditCorrection, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws -> [(lot: ID<CreditLot>, units: Int64)] {
        let units = -correction.units
        if let id = correction.lotId {
            guard let lot = try transaction.lot(id, of: organisation) else {
                throw Problem.invalid("/lot_id", "is no lot of this account")
            }
            guard lot.available >= units else { throw Self.tooFew(lot.available) }
            return [(id, units)]
        }
        let (parts, missing) = try credits.allocate(units, of: organisation, in: transaction)
        guard missing == 0 else { throw Self.tooFew(units - missing) }
        return parts
    }

    private static func tooFew(_ available: Int64) -> Problem {
        Problem(
            .creditsNotAvailable, detail: "\(available) can be revoked.", members: ["available": .integer(available)]
        )
    }
}

extension CreditCorrection {
    /// Violations of constraints that the schema cannot express.
    fileprivate func faults(at now: Instant) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        if units == 0 { faults.append(Problem.Fault("/units", "is not 0")) }
        if units < 0, expiresAt != nil {
            faults.append(Problem.Fault("/expires_at", "is for credits that are granted"))
        }
        if let expiresAt, expiresAt <= now { faults.append(Problem.Fault("/expires_at", "is in the past")) }
        if units > 0, lotId != nil { faults.append(Problem.Fault("/lot_id", "is for credits that are revoked")) }
        return faults
    }

    /// All members: the same key with another value is a conflict.
    fileprivate var summary: String {
        "\(units) \(expiresAt?.description ?? "-") \(corrects?.text ?? "-") \(lotId?.text ?? "-") \(reason)"
    }
}

extension Problem.Kind {
    static let alreadyCorrected = Self("already-corrected", "This entry has been corrected", status: 409)
    static let creditsNotAvailable = Self(
        "credits-not-available", "There are not enough credits to revoke", status: 409)
}
