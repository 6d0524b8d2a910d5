import Files
import Modules

extension IdentityModule: DataHolder {
    package var holdings: [Holding] {
        [
            Holding(
                "exports", in: "privacy_exports", where: { "person_id = \($0.person)" },
                showing: ["id", "state", "bytes", "requested_at", "ready_at", "expires_at"]
            ),
            Holding("erasures", in: "privacy_erasures", where: { "person_id = \($0.person)" }, showing: ["requested_at", "due_at"]),
            // Somebody who left an organisation may have sessions that began in it.
            Holding(
                "sessions", in: "sessions", where: { "person_id = \($0.person)" },
                alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
                showing: ["id", "organisation_id", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_because", "user_agent", "address"]
            ),
            Holding(
                "memberships", in: "memberships", where: { "person_id = \($0.person)" },
                alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "role", "created_at"], orderedBy: "organisation_id"
            ),
            trail,
            Holding(
                "organisations", in: "organisations",
                selection: { "SELECT id, name, created_at FROM organisations WHERE id IN \(list: $0.organisations) ORDER BY id" }
            ) { subject, _, transaction in try transaction.eraseOrganisations(of: subject) },
            Holding(
                "account", in: "people", where: { "id = \($0.person)" },
                showing: [
                    "id", "email", "username", "full_name", "first_name", "last_name", "phone", "role", "email_verified_at", "suspended_at", "created_at",
                    "updated_at",
                ]
            ),
        ]
    }

    /// What the person did, and what was done to them. The network address of somebody else who acted is theirs.
    private var trail: Holding {
        Holding(
            "audit", in: "audit_events",
            selection: { subject in
                """
                SELECT id, at, action, outcome, CASE WHEN actor_id = \(subject.person) THEN address END AS address, subject, details
                FROM audit_events WHERE actor_id = \(subject.person) OR subject = \(subject.person) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in try transaction.forgetInAudit(subject, as: pseudonym) }
    }
}

extension Transaction {
    /// Organisations that nobody else belongs to go; a personal one that others have come to belong to stays theirs, without the name.
    fileprivate func eraseOrganisations(of subject: DataSubject) throws {
        try execute("DELETE FROM organisations WHERE id IN \(list: subject.organisations)")
        try execute("UPDATE organisations SET personal_of = NULL, name = 'Organisation' WHERE personal_of = \(subject.person)")
    }

    /// Takes a person out of the audit rows: what happened stays, and who it was is a pseudonym.
    fileprivate func forgetInAudit(_ subject: DataSubject, as pseudonym: ID<Pseudonym>) throws {
        let person = subject.person
        try execute(
            """
            UPDATE audit_events
            SET address = CASE WHEN actor_id IS NULL OR actor_id = \(person) THEN NULL ELSE address END,
                request_id = CASE WHEN actor_id IS NULL OR actor_id = \(person) THEN NULL ELSE request_id END,
                actor_id = CASE WHEN actor_id = \(person) THEN \(pseudonym) ELSE actor_id END,
                subject = CASE WHEN subject = \(person) THEN \(pseudonym) ELSE subject END,
                details = '{}'
            WHERE actor_id = \(person) OR subject = \(person) OR organisation_id IN \(list: subject.organisations)
            """
        )
    }
}
