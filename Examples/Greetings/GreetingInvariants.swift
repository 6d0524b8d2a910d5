import Modules

/// Conditions that hold in every committed state of the database.
enum GreetingInvariants {
    static let all: [Invariant] = [
        Invariant(
            "the state of a greeting and the state of its reservation contradict each other",
            """
            SELECT greetings.id, greetings.state, reservations.state AS reservation FROM greetings
                LEFT JOIN reservations ON reservations.id = greetings.reservation_id
            WHERE NOT COALESCE(
                (greetings.state = 'queued' AND reservations.state IN ('held', 'expired'))
                OR (greetings.state = 'written' AND reservations.state = 'committed')
                OR (greetings.state = 'failed' AND reservations.state IN ('released', 'expired'))
                OR (greetings.state IN ('written', 'failed') AND reservations.id IS NULL), false)
            """
        )
    ]
}
