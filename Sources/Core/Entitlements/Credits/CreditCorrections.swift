import Audit
import Identity
import Ledger
import Modules
import Secrets

/// Putting right what went wrong: by further entries, never by changing one.
extension CreditService {
    /// Gives or takes credits in an administrator's name.
    /// - Parameter key: the `Idempotency-Key` header: a correction that was sent before is the same correction.
    /// - Throws: `invalid-request` without a key, `not-found` for an unknown account, `validation-failed`, `credits-not-available` for more than can be
    ///   taken, `already-corrected`, `operation-conflict`.
    func correct(_ request: CreditCorrection, key: String?, scope: Scope, person: ID<Person>) async throws(Problem)
        -> CreditEntry
    {
        guard let key, !key.isEmpty else {
            throw Problem(
                .invalidRequest, detail: "Send an Idempotency-Key, so that a repetition corrects nothing twice.")
        }
        let (operation, fingerprint) = ("correct:\(key)", Digest.hex(request.summary))
        return try await database.write { transaction in
            let organisation = try self.organisation(of: person, in: transaction)
            let (entry, isNew) = try correct(
                request, operation: operation, fingerprint: fingerprint, of: organisation, in: transaction)
            if isNew {
                var details = ["units": "\(request.units)", "reason": request.reason]
                if let wrong = request.corrects { details["corrects"] = wrong.text }
                try audit.record(
                    AuditEvent(
                        "credits.corrected", by: scope, in: organisation, subject: entry.id.text, target: person,
                        details: details), in: transaction)
            }
            return try CreditEntry(entry)
        }
    }

    /// - Returns: the entry, and whether it was written now.
    func correct(
        _ request: CreditCorrection, operation: String, fingerprint: String, of organisation: ID<Organisation>,
        in transaction: Transaction
    ) throws -> (entry: LedgerEntry, isNew: Bool) {
        try lock(organisation, in: transaction)
        if let known = try ledger.posting(ofOperation: operation, of: organisation.text, in: transaction) {
            guard known.fingerprint == fingerprint else { throw Problem(.operationConflict) }
            return (known, false)
        }
        var faults = request.faults(at: transaction.now)
        if let wrong = request.corrects, try ledger.posting(wrong, of: organisation.text, in: transaction) == nil {
            faults.append(Problem.Fault("/corrects", "is no entry of this account"))
        }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        if let wrong = request.corrects,
            let earlier = try ledger.correction(of: wrong, of: organisation.text, in: transaction)
        {
            throw Problem(
                .alreadyCorrected, detail: "The entry \(earlier.id) did so. If that one is wrong too, correct it.",
                members: ["corrected_by": .string(earlier.id.text)])
        }
        var moves = CreditMovements(organisation)
        if request.units > 0 {
            let grant = CreditGrant(request.units, .correction, expiresAt: request.expiresAt, operation: operation)
            _ = try give(grant, &moves, in: transaction)
        } else {
            for part in try takeable(request, of: organisation, in: transaction) {
                try moves.move(part.units, of: part.lot, from: .available, to: .reversed, in: transaction)
            }
        }
        let id = try post(
            .corrected, moves, operation: operation, fingerprint: fingerprint, reason: request.reason,
            corrects: request.corrects, in: transaction)
        guard let id, let entry = try ledger.posting(id, of: organisation.text, in: transaction) else {
            preconditionFailure("a correction moves something")
        }
        return (entry, true)
    }

    /// The lots that a correction takes from.
    private func takeable(_ request: CreditCorrection, of organisation: ID<Organisation>, in transaction: Transaction)
        throws -> [(
            lot: ID<CreditLot>, units: Int64
        )]
    {
        let units = -request.units
        if let id = request.lotId {
            guard let lot = try transaction.lot(id, of: organisation) else {
                throw Problem.invalid("/lot_id", "is no lot of this account")
            }
            guard lot.available >= units else { throw Self.tooFew(lot.available) }
            return [(id, units)]
        }
        let (parts, missing) = try draw(units, of: organisation, in: transaction)
        guard missing == 0 else { throw Self.tooFew(units - missing) }
        return parts
    }

    func organisation(of person: ID<Person>, in transaction: Transaction) throws -> ID<Organisation> {
        guard let organisation = try transaction.personalOrganisation(of: person) else {
            throw Problem(.notFound, detail: "There is no such account.")
        }
        return organisation
    }

    private static func tooFew(_ available: Int64) -> Problem {
        Problem(
            .creditsNotAvailable, detail: "\(available) can be taken back.", members: ["available": .integer(available)]
        )
    }
}

extension CreditCorrection {
    /// What the schema alone cannot know to be wrong.
    fileprivate func faults(at now: Instant) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        if units == 0 { faults.append(Problem.Fault("/units", "gives some or takes some")) }
        if units < 0, expiresAt != nil {
            faults.append(Problem.Fault("/expires_at", "belongs to credits that are given"))
        }
        if let expiresAt, expiresAt <= now { faults.append(Problem.Fault("/expires_at", "is over")) }
        if units > 0, lotId != nil { faults.append(Problem.Fault("/lot_id", "belongs to credits that are taken")) }
        return faults
    }

    /// All that it says: the same key with anything else is another correction.
    fileprivate var summary: String {
        "\(units) \(expiresAt?.description ?? "-") \(corrects?.text ?? "-") \(lotId?.text ?? "-") \(reason)"
    }
}

extension Problem.Kind {
    static let alreadyCorrected = Self("already-corrected", "This entry has been corrected", status: 409)
    static let creditsNotAvailable = Self(
        "credits-not-available", "There are not so many credits to take back", status: 409)
}
