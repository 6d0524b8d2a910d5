import Modules

/// Conditions that hold of events, bookings and ratings in every committed state of the database.
enum MarketplaceInvariants {
    static let all: [Invariant] = [
        Invariant(
            "the total of an event is not the sum of its bookings",
            """
            SELECT marketplace_events.id, total_minor, COALESCE(SUM(agreed_price_minor), 0) AS booked
            FROM marketplace_events LEFT JOIN marketplace_event_services
                ON event_id = marketplace_events.id AND marketplace_event_services.status <> 'cancelled'
            WHERE marketplace_events.status <> 'cancelled' OR marketplace_event_services.id IS NOT NULL
            GROUP BY marketplace_events.id, total_minor
            HAVING total_minor <> COALESCE(SUM(agreed_price_minor), 0)
            """
        ),
        Invariant(
            "the fee of an event is not the sum of the fees of its cancelled bookings",
            """
            SELECT marketplace_events.id, marketplace_events.fee_minor AS kept,
                   COALESCE(SUM(marketplace_event_services.fee_minor), 0) AS fees
            FROM marketplace_events LEFT JOIN marketplace_event_services
                ON event_id = marketplace_events.id AND marketplace_event_services.status = 'cancelled'
            GROUP BY marketplace_events.id, marketplace_events.fee_minor
            HAVING marketplace_events.fee_minor <> COALESCE(SUM(marketplace_event_services.fee_minor), 0)
            """
        ),
        Invariant(
            "the booked slots of a date are not those of its bookings",
            """
            SELECT marketplace_availability.id, booked, COUNT(marketplace_event_services.id) AS bookings
            FROM marketplace_availability LEFT JOIN marketplace_event_services
                ON booked_date = marketplace_availability.date AND marketplace_event_services.status <> 'cancelled'
                    AND ((entity_type = 'venue' AND venue_id = entity_id)
                        OR (entity_type = 'provider' AND provider_id = entity_id))
            GROUP BY marketplace_availability.id, booked
            HAVING booked <> COUNT(marketplace_event_services.id)
            """
        ),
        Invariant(
            "an event and the booking of its venue contradict each other",
            """
            SELECT marketplace_events.id, marketplace_events.status, marketplace_event_services.status AS venue_status
            FROM marketplace_events LEFT JOIN marketplace_event_services
                ON event_id = marketplace_events.id
                    AND marketplace_event_services.venue_id = marketplace_events.venue_id
                    AND marketplace_event_services.status <> 'cancelled'
            WHERE marketplace_events.status IN ('planning', 'pending_venue', 'confirmed')
                AND marketplace_events.venue_id IS NOT NULL AND marketplace_event_services.id IS NULL
            """
        ),
        Invariant(
            "a disputed service has no open dispute, or another one has",
            """
            SELECT marketplace_event_services.id, marketplace_event_services.status
            FROM marketplace_event_services LEFT JOIN marketplace_disputes
                ON event_service_id = marketplace_event_services.id AND marketplace_disputes.status <> 'resolved'
            WHERE (marketplace_event_services.status = 'disputed') <> (marketplace_disputes.id IS NOT NULL)
            """
        ),
        Invariant(
            "a service is paid without a transfer, or transferred without being paid",
            """
            SELECT marketplace_event_services.id, marketplace_event_services.status, payouts.state
            FROM marketplace_event_services LEFT JOIN payouts
                ON purpose = 'marketplace.release' AND subject = marketplace_event_services.id
                    AND payouts.state IN ('transferred', 'paid', 'returned', 'reversing')
            WHERE agreed_price_minor > 0
                AND (marketplace_event_services.status = 'paid') <> (payouts.id IS NOT NULL)
            """
        ),
        Invariant(
            "a payout and the service that it pays contradict each other",
            """
            SELECT marketplace_event_services.id, release_id, payouts.id AS payout, payouts.state
            FROM marketplace_event_services LEFT JOIN payouts
                ON purpose = 'marketplace.release' AND subject = marketplace_event_services.id
                    AND payouts.state NOT IN ('refused', 'canceled', 'reversed')
            WHERE COALESCE(release_id, '') <> COALESCE(payouts.id, '')
            """
        ),
        rating("venue", "marketplace_venues"), rating("provider", "marketplace_providers"),
        rating("template", "marketplace_templates"),
    ]

    private static func rating(_ kind: String, _ table: String) -> Invariant {
        Invariant(
            "the ratings of a \(kind) are not those of its reviews",
            SQL(
                trusted: """
                    SELECT rated.id, rating_sum, rating_count FROM \(table) AS rated
                    LEFT JOIN marketplace_reviews ON reviewee_id = rated.id AND reviewee_type = '\(kind)'
                    GROUP BY rated.id, rating_sum, rating_count
                    HAVING rating_sum <> COALESCE(SUM(rating), 0) OR rating_count <> COUNT(marketplace_reviews.id)
                    """))
    }
}
