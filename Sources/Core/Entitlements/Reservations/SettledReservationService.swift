import Modules

/// Deletes reservations some time after they were settled, so that the table holds only what calls still need. Usage
/// entries stay: they answer a repeat of what was committed.
final class SettledReservationService: Sendable {
    /// How long a reservation stays after it was committed or released.
    static let settledKept: Duration = .hours(48)
    /// How long a reservation stays after its lease has ended: until then its work can still be committed.
    static let expiredKept: Duration = .days(35)
    /// Rows of one transaction, which other writes wait for.
    private static let batchSize = 500

    private let database: any Database

    init(database: any Database) { self.database = database }

    /// - Returns: how many were deleted.
    @discardableResult
    func deleteOld() async throws(Problem) -> Int {
        var total = 0
        for (state, kept) in [
            (.committed, Self.settledKept), (.released, Self.settledKept), (.expired, Self.expiredKept),
        ] as [(Reservation.State, Duration)] {
            while true {
                let count = try await database.write {
                    try $0.deleteReservations(state, settledBefore: $0.now - kept, limit: Self.batchSize)
                }
                total += count
                if count < Self.batchSize { break }
            }
        }
        return total
    }
}
