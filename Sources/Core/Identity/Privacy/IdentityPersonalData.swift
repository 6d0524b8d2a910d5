import Audit
import Files
import Modules

/// The tables of Identity and Audit with personal data.
package struct IdentityPersonalData: PersonalDataProvider {
    let audit: AuditErasureService

    package var personalDataTables: [PersonalDataTable] {
        [
            PersonalDataTable(
                "exports", in: "privacy_exports", where: { "person_id = \($0.person)" },
                showing: ["id", "state", "bytes", "requested_at", "ready_at", "expires_at"]
            ),
            PersonalDataTable(
                "erasures", in: "privacy_erasures", where: { "person_id = \($0.person)" },
                showing: ["requested_at", "due_at"]),
            PersonalDataTable(
                "challenges", in: "challenges", where: { "person_id = \($0.person)" },
                showing: ["purpose", "email", "created_at"]),
            PersonalDataTable("recovery-codes", in: "recovery_codes", where: { "person_id = \($0.person)" }),
            PersonalDataTable(
                "second-factors", in: "second_factors", where: { "person_id = \($0.person)" },
                showing: ["confirmed_at"], orderedBy: "person_id"),
            PersonalDataTable(
                "known-devices", in: "known_devices", where: { "person_id = \($0.person)" },
                showing: ["last_used_at"], orderedBy: "last_used_at"),
            PersonalDataTable(
                "api-keys", in: "api_keys", where: { "person_id = \($0.person)" },
                alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
                showing: ["id", "organisation_id", "name", "created_at", "expires_at", "last_used_at", "revoked_at"]
            ),
            invitations,
            // Sessions of former members may still refer to an organisation that is erased.
            PersonalDataTable(
                "sessions", in: "sessions", where: { "person_id = \($0.person)" },
                alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
                showing: [
                    "id", "organisation_id", "created_at", "last_used_at", "expires_at", "revoked_at",
                    "revoked_because", "user_agent", "address",
                ]
            ),
            PersonalDataTable(
                "memberships", in: "memberships", where: { "person_id = \($0.person)" },
                alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "role", "created_at"], orderedBy: "organisation_id"
            ),
            auditEvents,
            PersonalDataTable(
                "organisations", in: "organisations",
                selection: {
                    "SELECT id, name, created_at FROM organisations WHERE id IN \(list: $0.organisations) ORDER BY id"
                }
            ) { subject, _, transaction in try transaction.eraseOrganisations(of: subject) },
            PersonalDataTable(
                "account", in: "people", where: { "id = \($0.person)" },
                showing: [
                    "id", "email", "username", "full_name", "first_name", "last_name", "phone", "role", "student_id",
                    "employee_id", "preferences",
                    "email_verified_at",
                    "suspended_at", "closed_at", "registration_notice_at", "created_at", "updated_at",
                ]
            ),
        ]
    }

    /// Exports the invitations that the person sent. Erases those, the accepted ones, and those to the person's
    /// address; other invitations of a shared organisation remain.
    private var invitations: PersonalDataTable {
        PersonalDataTable(
            "invitations", in: "invitations",
            selection: {
                """
                SELECT id, organisation_id, email, role, created_at FROM invitations
                WHERE invited_by = \($0.person) ORDER BY id
                """
            }
        ) { subject, _, transaction in
            try transaction.execute(
                """
                DELETE FROM invitations
                WHERE invited_by = \(subject.person) OR accepted_by = \(subject.person)
                    OR organisation_id IN \(list: subject.organisations)
                    OR email_key = (SELECT email_key FROM people WHERE id = \(subject.person))
                """
            )
        }
    }

    /// The events in which the person acted or was acted upon. Network addresses of other actors are not exported.
    private var auditEvents: PersonalDataTable {
        PersonalDataTable(
            "audit", in: "audit_events",
            selection: { subject in
                """
                SELECT id, at, action, outcome, CASE WHEN actor_id = \(subject.person) THEN address END AS address,
                    subject, details
                FROM audit_events WHERE actor_id = \(subject.person) OR subject = \(subject.person) ORDER BY id
                """
            }
        ) { [audit] subject, pseudonym, transaction in
            try audit.erase(person: subject.person.text, pseudonym: pseudonym.text, in: transaction)
        }
    }
}

extension Transaction {
    /// Deletes the organisations without other members. A personal organisation with other members remains, without its
    /// name and its reference to the person.
    fileprivate func eraseOrganisations(of subject: DataSubject) throws {
        try execute("DELETE FROM organisations WHERE id IN \(list: subject.organisations)")
        try execute(
            "UPDATE organisations SET personal_of = NULL, name = 'Organisation' WHERE personal_of = \(subject.person)")
    }
}
