import Billing
import Files
import Identity
import Modules

/// What the tables and files of Marketplace hold of a person: for export and erasure. Bookings and their events stay
/// without personal data and under pseudonyms, because the other side and the ledger refer to them.
enum MarketplacePersonalData {
    /// In the order in which the rows can be erased: a referring table precedes the table that it refers to.
    static let tables: [PersonalDataTable] = elsewhere + conversations + plans + bookings + vendors + submissions

    /// Replaces the ids of erased organisations in rows that stay by those that the rows of money have.
    private static func rename(
        _ column: String = "organisation_id", in table: String, _ subject: DataSubject, _ pseudonym: ID<Pseudonym>,
        _ transaction: Transaction
    ) throws {
        for organisation in subject.organisations(as: pseudonym) {
            try transaction.execute(
                SQL(trusted: "UPDATE \(table) SET \(column) = ") + "\(organisation.pseudonym)"
                    + SQL(trusted: " WHERE \(column) = ") + "\(organisation.id)")
        }
    }

    private static let inErasedOrganisations: @Sendable (DataSubject) -> SQL = {
        "organisation_id IN \(list: $0.organisations)"
    }

    /// The tables whose rows have an organisation and a person who has created them.
    private static let owned = [
        "venues", "providers", "services", "provider_services", "availability", "templates", "events",
        "event_services", "disputes", "reviews", "collaborators", "files", "documents", "records",
        "planner_sessions", "plan_shares",
    ].map { "marketplace_\($0)" }

    /// Rows of organisations that remain are kept; the id of the person who created them is replaced.
    private static let elsewhere: [PersonalDataTable] = owned.map { table in
        PersonalDataTable("\(table.replacing("_", with: "-"))-elsewhere", in: table) {
            subject, pseudonym, transaction in
            try transaction.execute(
                SQL(trusted: "UPDATE \(table) SET person_id = ")
                    + """
                    \(pseudonym) WHERE person_id = \(subject.person)
                        AND organisation_id NOT IN \(list: subject.organisations + [ID(trusted: "")])
                    """)
        }
    }

    private static let conversations: [PersonalDataTable] = [
        PersonalDataTable(
            "marketplace-chat-messages", in: "marketplace_chat_messages", where: { "person_id = \($0.person)" },
            alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
            showing: ["id", "group_id", "sender_role", "content", "attachment_url", "is_blocked", "created_at"]),
        PersonalDataTable(
            "marketplace-chat-groups", in: "marketplace_chat_groups", where: inErasedOrganisations,
            showing: ["id", "event_id", "created_at"]),
        PersonalDataTable(
            "marketplace-collaborators", in: "marketplace_collaborators",
            where: { "user_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
            showing: ["id", "event_id", "role", "accepted_at", "created_at"]),
    ]

    private static let plans: [PersonalDataTable] = [
        PersonalDataTable(
            "marketplace-planner-sessions", in: "marketplace_planner_sessions", where: inErasedOrganisations,
            showing: ["id", "key", "brief", "messages", "plan", "iterations", "created_at", "updated_at"]),
        PersonalDataTable(
            "marketplace-plan-shares", in: "marketplace_plan_shares", where: inErasedOrganisations,
            showing: ["id", "plan", "created_at", "expires_at"]),
        PersonalDataTable(
            "marketplace-iterations", in: "marketplace_iterations", where: inErasedOrganisations,
            showing: ["month", "used"], orderedBy: "month"),
        PersonalDataTable(
            "marketplace-record-fields", in: "marketplace_record_fields", where: inErasedOrganisations),
        PersonalDataTable(
            "marketplace-records", in: "marketplace_records", where: inErasedOrganisations,
            showing: ["id", "kind", "data", "created_at", "updated_at"]),
        PersonalDataTable(
            "marketplace-documents", in: "marketplace_documents", where: inErasedOrganisations,
            showing: ["id", "name", "document_type", "event_id", "file_id", "url", "notes", "created_at"]),
        PersonalDataTable(
            "marketplace-files", in: "marketplace_files", where: inErasedOrganisations,
            showing: ["id", "name", "media_type", "bytes", "is_private", "created_at"]
        ) { subject, transaction in
            try transaction.all(
                "SELECT id FROM marketplace_files WHERE organisation_id IN \(list: subject.organisations) ORDER BY id"
            ) { StoredFile.key(ID(trusted: try $0["id"])) }
        },
    ]

    /// Ratings stay, without their comments.
    private static let bookings: [PersonalDataTable] = [
        PersonalDataTable(
            "marketplace-reviews", in: "marketplace_reviews",
            selection: {
                """
                SELECT id, event_id, reviewee_type, reviewee_id, rating, comment, created_at FROM marketplace_reviews
                WHERE organisation_id IN \(list: $0.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                """
                UPDATE marketplace_reviews SET person_id = \(pseudonym), comment = NULL
                WHERE organisation_id IN \(list: subject.organisations)
                """
            )
            try rename(in: "marketplace_reviews", subject, pseudonym, transaction)
        },
        PersonalDataTable(
            "marketplace-disputes", in: "marketplace_disputes",
            selection: {
                """
                SELECT id, event_service_id, reason, status, resolution, created_at, resolved_at
                FROM marketplace_disputes WHERE organisation_id IN \(list: $0.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                """
                UPDATE marketplace_disputes SET person_id = \(pseudonym), reason = 'erased'
                WHERE organisation_id IN \(list: subject.organisations)
                """
            )
            try transaction.execute(
                "UPDATE marketplace_disputes SET resolved_by = \(pseudonym) WHERE resolved_by = \(subject.person)")
            for column in ["organisation_id", "vendor_organisation_id"] {
                try rename(column, in: "marketplace_disputes", subject, pseudonym, transaction)
            }
        },
        PersonalDataTable(
            "marketplace-event-services", in: "marketplace_event_services",
            selection: {
                """
                SELECT id, event_id, agreed_price_minor, fee_minor, currency, booked_date, status, notes,
                       completion_photos, completion_notes, created_at
                FROM marketplace_event_services
                WHERE organisation_id IN \(list: $0.organisations)
                    OR vendor_organisation_id IN \(list: $0.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                """
                UPDATE marketplace_event_services SET person_id = \(pseudonym), notes = NULL
                WHERE organisation_id IN \(list: subject.organisations)
                """
            )
            try transaction.execute(
                """
                UPDATE marketplace_event_services SET completion_photos = '[]', completion_notes = NULL
                WHERE vendor_organisation_id IN \(list: subject.organisations)
                """
            )
            for column in ["organisation_id", "vendor_organisation_id"] {
                try rename(column, in: "marketplace_event_services", subject, pseudonym, transaction)
            }
        },
        PersonalDataTable(
            "marketplace-events", in: "marketplace_events",
            selection: {
                """
                SELECT id, title, event_type, date, time, city, guest_count, budget_minor, total_minor, fee_minor,
                       currency, template_data, status, created_at
                FROM marketplace_events WHERE organisation_id IN \(list: $0.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                """
                DELETE FROM marketplace_events
                WHERE organisation_id IN \(list: subject.organisations) AND paid_at IS NULL
                    AND id NOT IN (SELECT event_id FROM marketplace_event_services)
                    AND id NOT IN (SELECT event_id FROM marketplace_reviews)
                """
            )
            try transaction.execute(
                """
                UPDATE marketplace_events
                SET person_id = \(pseudonym), title = NULL, city = NULL, template_data = NULL, cancel_reason = NULL,
                    template_id = NULL
                WHERE organisation_id IN \(list: subject.organisations)
                """
            )
            try rename(in: "marketplace_events", subject, pseudonym, transaction)
        },
        PersonalDataTable(
            "marketplace-templates", in: "marketplace_templates", where: inErasedOrganisations,
            showing: ["id", "name", "event_type", "description", "template_data", "is_public", "created_at"]),
    ]

    /// Businesses that were booked stay, without what describes them.
    private static let vendors: [PersonalDataTable] = [
        PersonalDataTable(
            "marketplace-availability", in: "marketplace_availability",
            selection: {
                """
                SELECT id, entity_type, entity_id, date, is_available, slots, booked FROM marketplace_availability
                WHERE organisation_id IN \(list: $0.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                """
                DELETE FROM marketplace_availability
                WHERE organisation_id IN \(list: subject.organisations) AND booked = 0
                """
            )
            try transaction.execute(
                """
                UPDATE marketplace_availability SET person_id = \(pseudonym)
                WHERE organisation_id IN \(list: subject.organisations)
                """
            )
            try rename(in: "marketplace_availability", subject, pseudonym, transaction)
        },
        PersonalDataTable(
            "marketplace-provider-services", in: "marketplace_provider_services", where: inErasedOrganisations,
            showing: ["id", "provider_id", "service_id", "description", "price_minor", "currency", "created_at"]),
        PersonalDataTable(
            "marketplace-services", in: "marketplace_services",
            selection: {
                """
                SELECT id, name, category, description, created_at FROM marketplace_services
                WHERE organisation_id IN \(list: $0.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                """
                UPDATE marketplace_services SET person_id = \(pseudonym), description = NULL
                WHERE organisation_id IN \(list: subject.organisations)
                """
            )
            try rename(in: "marketplace_services", subject, pseudonym, transaction)
        },
        PersonalDataTable(
            "marketplace-venues", in: "marketplace_venues",
            selection: {
                """
                SELECT id, name, description, city, address, venue_type, capacity, amenities, photos, price_minor,
                       currency, status, created_at
                FROM marketplace_venues WHERE organisation_id IN \(list: $0.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                """
                DELETE FROM marketplace_venues
                WHERE organisation_id IN \(list: subject.organisations)
                    AND id NOT IN (SELECT venue_id FROM marketplace_event_services WHERE venue_id IS NOT NULL)
                """
            )
            try transaction.execute(
                """
                UPDATE marketplace_venues
                SET person_id = \(pseudonym), name = 'Removed', description = NULL, address = NULL, photos = '[]',
                    amenities = '[]', pricing_structure = NULL, review_note = NULL, status = 'suspended'
                WHERE organisation_id IN \(list: subject.organisations)
                """
            )
            try rename(in: "marketplace_venues", subject, pseudonym, transaction)
        },
        PersonalDataTable(
            "marketplace-providers", in: "marketplace_providers",
            selection: {
                """
                SELECT id, business_name, description, location_city, service_area, pricing, photos, status, created_at
                FROM marketplace_providers WHERE organisation_id IN \(list: $0.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                """
                DELETE FROM marketplace_providers
                WHERE organisation_id IN \(list: subject.organisations)
                    AND id NOT IN (SELECT provider_id FROM marketplace_event_services WHERE provider_id IS NOT NULL)
                """
            )
            try transaction.execute(
                """
                UPDATE marketplace_providers
                SET person_id = \(pseudonym), business_name = 'Removed', description = NULL, service_area = '[]',
                    pricing = NULL, photos = '[]', review_note = NULL, status = 'suspended'
                WHERE organisation_id IN \(list: subject.organisations)
                """
            )
            try rename(in: "marketplace_providers", subject, pseudonym, transaction)
        },
    ]

    /// Forms have no account; those with the person's address are the person's.
    private static let submissions: [PersonalDataTable] = [
        PersonalDataTable(
            "marketplace-submissions", in: "marketplace_submissions",
            where: { "email_key IN (SELECT LOWER(email) FROM people WHERE id = \($0.person))" },
            showing: ["id", "kind", "email", "data", "created_at"])
    ]

    /// The services of vendors that organizers have paid for and that are neither released nor returned.
    /// - Returns: nil where there are none.
    static func obligation(of organisations: [ID<Organisation>], in transaction: Transaction) throws -> Obligation? {
        let services: [ID<ServiceBooking>] = try transaction.all(
            """
            SELECT id FROM marketplace_event_services AS services
            WHERE vendor_organisation_id IN \(list: organisations) AND status NOT IN ('paid', 'cancelled')
                AND agreed_price_minor > 0
                AND EXISTS (
                    SELECT 1 FROM payments
                    WHERE purpose = \(PaymentPurpose.event) AND subject = services.event_id AND state = 'succeeded'
                        AND refunded < received)
            ORDER BY id LIMIT 100
            """
        ) { try $0["id"] }
        guard !services.isEmpty else { return nil }
        return Obligation(
            "Organizers have paid for services of yours: decline them, or complete them and wait for their payment.",
            members: ["open_services": .array(services.map { .string($0.text) })])
    }

    /// Whether an organisation has rows here.
    static func hasData(_ organisation: ID<Organisation>, in transaction: Transaction) throws -> Bool {
        try owned.contains { table in
            try transaction.first(
                SQL(trusted: "SELECT id FROM \(table) WHERE organisation_id = ") + "\(organisation) LIMIT 1") != nil
        }
    }
}
