import Billing
import Modules

/// The body of `POST /v1/admin/disputes/{dispute_id}/status`.
struct DisputeStatusChange: Payload {
    var status: String

    static let rules: [String: Rule] = ["status": .oneOf([MarketplaceDispute.Status.underReview.rawValue])]
}

/// The body of `POST /v1/admin/disputes/{dispute_id}/resolve`.
struct DisputeResolution: Payload {
    var resolution: String
    /// Whether the vendor is paid; otherwise the price goes back to the organizer.
    var releaseFunds: Bool

    static let rules: [String: Rule] = ["resolution": .length(1...2_000)]
}

struct DisputeResolved: Payload {
    var success: Bool
    var disputeId: ID<MarketplaceDispute>
    var status: MarketplaceDispute.Status
    /// `paid`, `cancelled`, or `completed` while the outcome of the transfer is not known.
    var serviceStatus: EventServiceStatus
    /// Absent unless the vendor is paid.
    var release: ServiceReleased?
    /// Minor units that go back to the organizer.
    var refundAmountMinor: Int64
    /// Absent where nothing is refunded.
    var refundStatus: Refund.State?

    init(_ id: ID<MarketplaceDispute>, _ response: ReleaseResponse) {
        self.init(id, .completed)
        guard case .released(let released) = response else { return }
        serviceStatus = .paid
        release = released
    }

    init(_ id: ID<MarketplaceDispute>, _ returned: EventRefundService.Returned, refunds: Refund.State?) {
        self.init(id, .cancelled)
        refundAmountMinor = returned.refund
        refundStatus = refunds
    }

    private init(_ id: ID<MarketplaceDispute>, _ service: EventServiceStatus) {
        success = true
        disputeId = id
        status = .resolved
        serviceStatus = service
        refundAmountMinor = 0
    }
}
