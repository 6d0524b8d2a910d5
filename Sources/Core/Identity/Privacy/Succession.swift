import Modules

/// Whether others remain who can do what a leaving person does: own their organisations, administer the installation.
///
/// An account that is suspended or closed does not count as one of them: its owner cannot sign in. Nor does one that
/// leaves too.
enum Succession: Sendable {
    /// A person asks to leave: accounts with a scheduled erasure do not count.
    case requested
    /// An erasure is due: accounts whose own erasure has begun do not count. Of several owners whose erasures are due
    /// together the last one is refused and not all of them.
    case due

    /// True for an account that remains.
    /// - Parameter person: the column with the account's id.
    func remains(_ person: SQL) -> SQL {
        let state: SQL = self == .due ? "AND erasures.begun_at IS NOT NULL" : ""
        return """
            EXISTS (
                SELECT 1 FROM people AS accounts
                WHERE accounts.id = \(person) AND accounts.closed_at IS NULL AND accounts.suspended_at IS NULL)
            AND NOT EXISTS (
                SELECT 1 FROM privacy_erasures AS erasures WHERE erasures.person_id = \(person) \(state))
            """
    }
}

extension Transaction {
    /// Whether an account may be closed or erased. The caller has locked the administrators and then the person; the
    /// organisations that the person owns are locked here, so that of two owners who leave concurrently one is refused.
    /// - Returns: `last-administrator` or `sole-owner`; nil where others remain.
    func refusal(ofLeaving person: Person, _ succession: Succession) throws -> Problem? {
        if person.role == .admin, try !hasAdministrator(besides: person.id, succession) {
            return Problem(.lastAdministrator, detail: "Make another administrator first.")
        }
        _ = try all(
            """
            SELECT id FROM organisations WHERE id IN (
                SELECT organisation_id FROM memberships WHERE person_id = \(person.id) AND role = 'owner')
            ORDER BY id \(.forNoKeyUpdate)
            """
        )
        guard try countOrganisationsOwnedAlone(by: person.id, succession) == 0 else {
            return Problem(.soleOwner, detail: "Make another member an owner first, or remove the other members.")
        }
        return nil
    }

    /// The number of organisations that have other members and no owner who remains other than this person.
    func countOrganisationsOwnedAlone(by person: ID<Person>, _ succession: Succession) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM memberships AS mine
            WHERE mine.person_id = \(person) AND mine.role = 'owner'
                AND EXISTS (
                    SELECT 1 FROM memberships AS others
                    WHERE others.organisation_id = mine.organisation_id AND others.person_id <> \(person))
                AND NOT EXISTS (
                    SELECT 1 FROM memberships AS others
                    WHERE others.organisation_id = mine.organisation_id AND others.person_id <> \(person)
                        AND others.role = 'owner' AND \(succession.remains("others.person_id")))
            """
        )
    }
}
