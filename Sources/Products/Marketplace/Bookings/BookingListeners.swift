import Modules
import Synchronization

/// Events of bookings, for what depends on them, such as their payment. Listeners are added when the module is wired.
///
/// A listener runs in the transaction that causes its event; an error that it throws rolls the transaction back.
final class BookingListeners: Sendable {
    /// Who has ended a booking.
    enum Ending: Sendable { case declinedByVendor, cancelledByOrganizer }

    typealias Listener = @Sendable (ServiceBooking, MarketplaceEvent, Ending, Transaction) throws -> Void

    private let ended = Mutex<[Listener]>([])

    /// Adds a listener for a booking that was declined or cancelled while its event goes on. A payment of the event may
    /// have been received before.
    func onCancelled(_ listener: @escaping Listener) { ended.withLock { $0.append(listener) } }

    func cancelled(
        _ booking: ServiceBooking, of event: MarketplaceEvent, _ ending: Ending, in transaction: Transaction
    ) throws {
        for listener in ended.withLock({ $0 }) { try listener(booking, event, ending, transaction) }
    }
}
