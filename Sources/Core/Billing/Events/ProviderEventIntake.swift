import Modules

/// Stores the events of webhooks that wait at the same time in one transaction, with one statement
/// (``TransactionQueue``).
final class ProviderEventIntake: Sendable {
    /// Events of one transaction, and the bytes of their objects: the first one waits for all of them.
    static let eventsMax = 256
    static let bytesMax = 4 << 20

    private let queue: TransactionQueue<ProviderEvent, Void>

    /// - Parameter write: stores those of the events that are new.
    init(database: any Database, write: @escaping @Sendable ([ProviderEvent], Transaction) throws -> Void) {
        queue = TransactionQueue(
            .init(callsMax: Self.eventsMax, bytesMax: Self.bytesMax), refusal: "Too many events are waiting.",
            bytes: { $0.object?.utf8.count ?? 0 }
        ) { events async throws(Problem) in
            try await database.write { transaction in
                let events = events()
                try write(events, transaction)
                return events.map { _ in .success(()) }
            }
        }
    }

    /// Stores an event, together with those that wait at the same time.
    /// - Throws: `overloaded` where too many events wait; what the transaction fails with.
    func store(_ event: ProviderEvent) async throws(Problem) { try await queue.perform(event) }
}
