import Modules

/// The tables of Marketplace. Amounts are whole minor units of the currency beside them, dates are `YYYY-MM-DD`.
/// An erased organisation stays in the rows that others refer to, so no table refers to `organisations`.
enum MarketplaceSchema {
    static let migrations = [vendors, events, chat, documents, planner]

    private static let vendors = Migration(
        "marketplace-001-vendors",
        """
        CREATE TABLE marketplace_venues (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            name TEXT NOT NULL,
            description TEXT,
            city TEXT NOT NULL,
            address TEXT,
            venue_type TEXT,
            capacity \(.integer) NOT NULL CHECK (capacity > 0),
            amenities TEXT NOT NULL,
            photos TEXT NOT NULL,
            pricing_structure TEXT,
            price_minor \(.integer) NOT NULL CHECK (price_minor >= 0),
            price_unit TEXT NOT NULL CHECK (price_unit IN ('event', 'guest')),
            currency TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'needs_changes', 'suspended')),
            review_note TEXT,
            rating_sum \(.integer) NOT NULL DEFAULT 0,
            rating_count \(.integer) NOT NULL DEFAULT 0,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            CHECK (rating_sum BETWEEN rating_count AND 5 * rating_count)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_venues_by_organisation ON marketplace_venues (organisation_id, created_at)",
        "CREATE INDEX marketplace_venues_by_status ON marketplace_venues (status, city, created_at)",
        """
        CREATE TABLE marketplace_providers (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL UNIQUE,
            person_id TEXT NOT NULL,
            business_name TEXT NOT NULL,
            description TEXT,
            location_city TEXT NOT NULL,
            service_area TEXT NOT NULL,
            pricing TEXT,
            photos TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'needs_changes', 'suspended')),
            review_note TEXT,
            rating_sum \(.integer) NOT NULL DEFAULT 0,
            rating_count \(.integer) NOT NULL DEFAULT 0,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            CHECK (rating_sum BETWEEN rating_count AND 5 * rating_count)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_providers_by_status ON marketplace_providers (status, location_city, created_at)",
        """
        CREATE TABLE marketplace_services (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            name TEXT NOT NULL,
            name_key TEXT NOT NULL UNIQUE,
            category TEXT NOT NULL,
            description TEXT,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_services_by_category ON marketplace_services (category, created_at)",
        """
        CREATE TABLE marketplace_provider_services (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            provider_id TEXT NOT NULL REFERENCES marketplace_providers (id) ON DELETE CASCADE,
            service_id TEXT NOT NULL REFERENCES marketplace_services (id),
            description TEXT,
            price_range TEXT,
            price_minor \(.integer) NOT NULL CHECK (price_minor >= 0),
            price_unit TEXT NOT NULL CHECK (price_unit IN ('event', 'guest')),
            currency TEXT NOT NULL,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            UNIQUE (provider_id, service_id)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_provider_services_by_service ON marketplace_provider_services (service_id)",
        "CREATE INDEX marketplace_provider_services_by_owner ON marketplace_provider_services (organisation_id)",
        """
        CREATE TABLE marketplace_availability (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            entity_type TEXT NOT NULL CHECK (entity_type IN ('venue', 'provider')),
            entity_id TEXT NOT NULL,
            date TEXT NOT NULL,
            is_available \(.integer) NOT NULL,
            slots \(.integer) NOT NULL CHECK (slots >= 0),
            booked \(.integer) NOT NULL DEFAULT 0 CHECK (booked BETWEEN 0 AND slots),
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            UNIQUE (entity_type, entity_id, date)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_availability_by_organisation ON marketplace_availability (organisation_id, date)"
    )

    private static let events = Migration(
        "marketplace-002-events",
        """
        CREATE TABLE marketplace_templates (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            name TEXT NOT NULL,
            event_type TEXT NOT NULL,
            description TEXT,
            template_data TEXT NOT NULL,
            is_public \(.integer) NOT NULL,
            times_used \(.integer) NOT NULL DEFAULT 0,
            rating_sum \(.integer) NOT NULL DEFAULT 0,
            rating_count \(.integer) NOT NULL DEFAULT 0,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            CHECK (rating_sum BETWEEN rating_count AND 5 * rating_count)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_templates_by_organisation ON marketplace_templates (organisation_id, created_at)",
        "CREATE INDEX marketplace_templates_by_type ON marketplace_templates (is_public, event_type)",
        """
        CREATE TABLE marketplace_events (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            title TEXT,
            event_type TEXT NOT NULL,
            date TEXT,
            time TEXT,
            city TEXT,
            guest_count \(.integer) NOT NULL CHECK (guest_count >= 0),
            budget_minor \(.integer) NOT NULL CHECK (budget_minor >= 0),
            total_minor \(.integer) NOT NULL DEFAULT 0 CHECK (total_minor >= 0),
            fee_minor \(.integer) NOT NULL DEFAULT 0 CHECK (fee_minor >= 0),
            currency TEXT NOT NULL,
            venue_id TEXT REFERENCES marketplace_venues (id),
            template_id TEXT REFERENCES marketplace_templates (id) ON DELETE SET NULL,
            template_data TEXT,
            iterations_used \(.integer) NOT NULL DEFAULT 0,
            status TEXT NOT NULL CHECK (status IN ('planning', 'pending_venue', 'confirmed', 'completed', 'cancelled')),
            paid_at \(.integer),
            completed_at \(.integer),
            cancelled_at \(.integer),
            cancel_reason TEXT,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
            CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
            CHECK (status <> 'pending_venue' OR venue_id IS NOT NULL)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_events_by_organisation ON marketplace_events (organisation_id, created_at)",
        "CREATE INDEX marketplace_events_by_venue ON marketplace_events (venue_id)",
        """
        CREATE TABLE marketplace_event_services (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            event_id TEXT NOT NULL REFERENCES marketplace_events (id) ON DELETE CASCADE,
            vendor_organisation_id TEXT NOT NULL,
            venue_id TEXT REFERENCES marketplace_venues (id),
            provider_id TEXT REFERENCES marketplace_providers (id),
            service_id TEXT REFERENCES marketplace_services (id),
            agreed_price_minor \(.integer) NOT NULL CHECK (agreed_price_minor >= 0),
            fee_minor \(.integer) NOT NULL DEFAULT 0 CHECK (fee_minor BETWEEN 0 AND agreed_price_minor),
            currency TEXT NOT NULL,
            booked_date TEXT,
            status TEXT NOT NULL CHECK (
                status IN ('pending', 'confirmed', 'completed', 'paid', 'disputed', 'on_hold', 'cancelled')),
            held_from TEXT CHECK (held_from IN ('pending', 'completed')),
            release_id TEXT,
            notes TEXT,
            completion_photos TEXT NOT NULL,
            completion_notes TEXT,
            confirmed_at \(.integer),
            completed_at \(.integer),
            approved_at \(.integer),
            cancelled_at \(.integer),
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            CHECK ((venue_id IS NULL) <> (provider_id IS NULL)),
            CHECK ((status = 'on_hold') = (held_from IS NOT NULL)),
            CHECK (status <> 'paid' OR approved_at IS NOT NULL),
            CHECK (status = 'cancelled' OR fee_minor = 0)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_event_services_by_event ON marketplace_event_services (event_id)",
        """
        CREATE INDEX marketplace_event_services_by_organisation
            ON marketplace_event_services (organisation_id, created_at)
        """,
        """
        CREATE INDEX marketplace_event_services_by_cancellation
            ON marketplace_event_services (organisation_id, cancelled_at) WHERE cancelled_at IS NOT NULL
        """,
        """
        CREATE INDEX marketplace_event_services_by_vendor
            ON marketplace_event_services (vendor_organisation_id, created_at)
        """,
        // An event has one venue at a time.
        """
        CREATE UNIQUE INDEX marketplace_event_services_of_venues ON marketplace_event_services (event_id)
            WHERE venue_id IS NOT NULL AND status <> 'cancelled'
        """,
        """
        CREATE TABLE marketplace_disputes (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            event_service_id TEXT NOT NULL REFERENCES marketplace_event_services (id) ON DELETE CASCADE,
            vendor_organisation_id TEXT NOT NULL,
            reason TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('open', 'under_review', 'resolved')),
            resolution TEXT,
            releases_funds \(.integer),
            resolved_by TEXT,
            resolved_at \(.integer),
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            CHECK ((status = 'resolved') = (resolved_at IS NOT NULL))
        ) \(.strict)
        """,
        // A service has one open dispute.
        """
        CREATE UNIQUE INDEX marketplace_disputes_open ON marketplace_disputes (event_service_id)
            WHERE status <> 'resolved'
        """,
        "CREATE INDEX marketplace_disputes_by_organisation ON marketplace_disputes (organisation_id)",
        "CREATE INDEX marketplace_disputes_by_status ON marketplace_disputes (status, created_at)",
        """
        CREATE TABLE marketplace_reviews (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            event_id TEXT NOT NULL REFERENCES marketplace_events (id) ON DELETE CASCADE,
            reviewee_type TEXT NOT NULL CHECK (reviewee_type IN ('venue', 'provider', 'template')),
            reviewee_id TEXT NOT NULL,
            rating \(.integer) NOT NULL CHECK (rating BETWEEN 1 AND 5),
            comment TEXT,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            UNIQUE (event_id, person_id, reviewee_id)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_reviews_by_reviewee ON marketplace_reviews (reviewee_id, created_at)",
        "CREATE INDEX marketplace_reviews_by_organisation ON marketplace_reviews (organisation_id)",
        """
        CREATE TABLE marketplace_collaborators (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            event_id TEXT NOT NULL REFERENCES marketplace_events (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL,
            role TEXT,
            details TEXT,
            accepted_at \(.integer),
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            UNIQUE (event_id, user_id)
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_collaborators_by_user ON marketplace_collaborators (user_id)",
        "CREATE INDEX marketplace_collaborators_by_organisation ON marketplace_collaborators (organisation_id)"
    )

    private static let chat = Migration(
        "marketplace-003-chat",
        """
        CREATE TABLE marketplace_chat_groups (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            event_id TEXT NOT NULL UNIQUE REFERENCES marketplace_events (id) ON DELETE CASCADE,
            created_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_chat_groups_by_organisation ON marketplace_chat_groups (organisation_id)",
        """
        CREATE TABLE marketplace_chat_messages (
            id TEXT PRIMARY KEY NOT NULL,
            group_id TEXT NOT NULL REFERENCES marketplace_chat_groups (id) ON DELETE CASCADE,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            sender_role TEXT NOT NULL CHECK (sender_role IN ('organizer', 'venue', 'provider', 'participant')),
            content TEXT NOT NULL,
            attachment_url TEXT,
            is_blocked \(.integer) NOT NULL,
            created_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_chat_messages_by_group ON marketplace_chat_messages (group_id, created_at, id)",
        "CREATE INDEX marketplace_chat_messages_by_person ON marketplace_chat_messages (person_id, created_at)",
        "CREATE INDEX marketplace_chat_messages_by_organisation ON marketplace_chat_messages (organisation_id)",
        "CREATE INDEX marketplace_chat_messages_by_time ON marketplace_chat_messages (created_at)"
    )

    private static let documents = Migration(
        "marketplace-004-documents",
        """
        CREATE TABLE marketplace_files (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            bytes \(.integer) NOT NULL,
            is_private \(.integer) NOT NULL,
            created_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_files_by_organisation ON marketplace_files (organisation_id, created_at)",
        """
        CREATE TABLE marketplace_documents (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            name TEXT NOT NULL,
            document_type TEXT,
            event_id TEXT,
            file_id TEXT REFERENCES marketplace_files (id) ON DELETE SET NULL,
            url TEXT,
            notes TEXT,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_documents_by_organisation ON marketplace_documents (organisation_id, created_at)",
        """
        CREATE TABLE marketplace_records (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            kind TEXT NOT NULL,
            data TEXT NOT NULL,
            text TEXT NOT NULL,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        """
        CREATE INDEX marketplace_records_by_organisation ON marketplace_records (organisation_id, kind, created_at)
        """,
        """
        CREATE TABLE marketplace_record_fields (
            record_id TEXT NOT NULL REFERENCES marketplace_records (id) ON DELETE CASCADE,
            organisation_id TEXT NOT NULL,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (record_id, name)
        ) \(.strict)
        """,
        """
        CREATE INDEX marketplace_record_fields_by_value ON marketplace_record_fields (organisation_id, name, value)
        """,
        """
        CREATE TABLE marketplace_submissions (
            id TEXT PRIMARY KEY NOT NULL,
            kind TEXT NOT NULL,
            email TEXT NOT NULL,
            email_key TEXT NOT NULL,
            data TEXT NOT NULL,
            created_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_submissions_by_kind ON marketplace_submissions (kind, created_at)",
        "CREATE INDEX marketplace_submissions_by_email ON marketplace_submissions (email_key)",
        "CREATE INDEX marketplace_submissions_by_time ON marketplace_submissions (created_at)",
        """
        CREATE TABLE marketplace_submission_counts (
            kind TEXT NOT NULL,
            day TEXT NOT NULL,
            count \(.integer) NOT NULL,
            PRIMARY KEY (kind, day)
        ) \(.strict)
        """
    )

    private static let planner = Migration(
        "marketplace-005-planner",
        """
        CREATE TABLE marketplace_planner_sessions (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            key TEXT NOT NULL,
            brief TEXT NOT NULL,
            messages TEXT NOT NULL,
            plan TEXT,
            iterations \(.integer) NOT NULL DEFAULT 0,
            layout_approved_at \(.integer),
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL,
            UNIQUE (organisation_id, key)
        ) \(.strict)
        """,
        """
        CREATE INDEX marketplace_planner_sessions_by_time ON marketplace_planner_sessions (updated_at)
        """,
        """
        CREATE TABLE marketplace_iterations (
            organisation_id TEXT NOT NULL,
            month TEXT NOT NULL,
            used \(.integer) NOT NULL,
            PRIMARY KEY (organisation_id, month)
        ) \(.strict)
        """,
        """
        CREATE TABLE marketplace_plan_shares (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL,
            person_id TEXT NOT NULL,
            token_hash TEXT NOT NULL UNIQUE,
            plan TEXT NOT NULL,
            created_at \(.integer) NOT NULL,
            expires_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX marketplace_plan_shares_by_organisation ON marketplace_plan_shares (organisation_id)",
        "CREATE INDEX marketplace_plan_shares_by_expiry ON marketplace_plan_shares (expires_at)"
    )
}
