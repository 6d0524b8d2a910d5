import Billing
import Modules

/// The body of `POST /v1/events/{event_id}/cancel`.
struct EventCancellation: Payload {
    var reason: String?

    static let rules: [String: Rule] = ["reason": .length(0...2_000)]
}

struct EventCancelled: Payload {
    var success: Bool
    var eventId: ID<MarketplaceEvent>
    var status: EventStatus
    /// What goes back to the organizer, in major units.
    var refundAmount: DecimalNumber
    var refundAmountMinor: Int64
    /// What the platform keeps.
    var platformFee: DecimalNumber
    var platformFeeMinor: Int64
    var currency: String
    /// Absent where nothing is refunded.
    var refundStatus: Refund.State?

    init(_ event: MarketplaceEvent, _ returned: EventRefundService.Returned, refunds: Refund.State?) {
        success = true
        eventId = event.id
        status = event.status
        refundAmount = Money(returned.refund, event.currency).major
        refundAmountMinor = returned.refund
        platformFee = Money(returned.fee, event.currency).major
        platformFeeMinor = returned.fee
        currency = event.currency.code
        refundStatus = refunds
    }
}
