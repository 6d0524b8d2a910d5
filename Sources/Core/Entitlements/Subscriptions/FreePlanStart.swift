import Identity
package import Modules

/// The start of a plan without payment. It counts once per person, whatever the organisation: in the organisation of
/// the first start it can be repeated, in others it is refused. An account whose address is not verified starts one in
/// its personal organisation alone.
enum FreePlanStart {
    /// - Throws: `email-not-verified`, `free-plan-used`.
    static func take(by scope: Scope, in transaction: Transaction) throws {
        guard
            try transaction.personalOrganisation(of: scope.person) == scope.organisation
                || Contact.of(scope.person, in: transaction)?.isEmailVerified == true
        else { throw Problem(.emailNotVerified) }
        guard try transaction.insertFreePlanStart(by: scope.person, in: scope.organisation) else {
            throw Problem(
                .freePlanUsed, detail: "A plan without payment counts once per person. Another owner can start it.")
        }
    }
}

extension Transaction {
    /// - Returns: false where the person has started a plan without payment in another organisation.
    fileprivate func insertFreePlanStart(by person: ID<Person>, in organisation: ID<Organisation>) throws -> Bool {
        try execute(
            """
            INSERT INTO free_plan_starts (person_id, organisation_id, started_at)
            VALUES (\(person), \(organisation), \(now))
            ON CONFLICT (person_id) DO UPDATE SET started_at = excluded.started_at
                WHERE free_plan_starts.organisation_id = excluded.organisation_id
            """
        ) == 1
    }
}

extension Problem.Kind {
    package static let freePlanUsed = Self(
        "free-plan-used", "You have started a plan without payment in another organisation", status: 409)
}
