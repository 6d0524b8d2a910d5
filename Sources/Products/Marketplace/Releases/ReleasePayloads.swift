import Billing
import HTTPTypes
import Modules

/// The money of a service was transferred to its provider.
struct ServiceReleased: Payload {
    var success: Bool
    var eventServiceId: ID<ServiceBooking>
    var status: EventServiceStatus
    /// What the provider gets, in major units.
    var payoutAmount: DecimalNumber
    var payoutAmountMinor: Int64
    var commission: DecimalNumber
    var commissionMinor: Int64
    var currency: String
    /// At the payment provider; absent for a service without a price.
    var transferId: String?
    /// Whether an earlier request has released it.
    var alreadyReleased: Bool

    init(_ booking: ID<ServiceBooking>, _ payout: Payout, already: Bool) {
        self.init(
            booking, payout: Money(payout.net, payout.amount.currency), commission: payout.commission,
            transfer: payout.transfer, already: already)
    }

    init(_ booking: ID<ServiceBooking>, payout: Money, commission: Int64, transfer: String?, already: Bool) {
        success = true
        eventServiceId = booking
        status = .paid
        payoutAmount = payout.major
        payoutAmountMinor = payout.minorUnits
        self.commission = Money(commission, payout.currency).major
        commissionMinor = commission
        currency = payout.currency.code
        transferId = transfer
        alreadyReleased = already
    }
}

/// The outcome of a transfer is not known yet.
struct ReleaseUnderWay: Payload {
    var success: Bool
    var eventServiceId: ID<ServiceBooking>
    var alreadyProcessing: Bool
    var message: String

    init(_ booking: ID<ServiceBooking>) {
        success = false
        eventServiceId = booking
        alreadyProcessing = true
        message = "Payout is already being processed for this service"
    }
}

/// The response to a release: 200, or 202 while its outcome is not known.
enum ReleaseResponse: ResponseConvertible {
    case released(ServiceReleased)
    case underWay(ReleaseUnderWay)

    static var documented: [DocumentedResponse] {
        [
            DocumentedResponse(200, "Released", mediaType: "application/json", payload: ServiceReleased.self),
            DocumentedResponse(
                202, "The outcome of the transfer is not known yet", mediaType: "application/json",
                payload: ReleaseUnderWay.self),
        ]
    }

    func response() throws(Problem) -> Response {
        switch self {
        case .released(let body): return try body.response()
        case .underWay(let body):
            var response = try body.response()
            response.status = .accepted
            return response
        }
    }
}
