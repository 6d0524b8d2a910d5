import Modules

extension Problem.Kind {
    static let notTheOwner = Self("not-the-owner", "This belongs to another account", status: 403)
    static let ownVendor = Self("own-vendor", "An administrator cannot decide about their own business", status: 403)
    static let notAssigned = Self("not-assigned", "This service is assigned to another provider", status: 403)
    static let notAChatMember = Self("not-a-chat-member", "You do not belong to this conversation", status: 403)
    static let alreadyExists = Self("already-exists", "This exists already", status: 409)
    static let inUse = Self("in-use", "This is in use", status: 409)
    static let tooMany = Self("too-many", "The largest number of these is reached", status: 409)
    static let vendorNotApproved = Self("vendor-not-approved", "This business is not approved", status: 409)
    static let dateUnavailable = Self("date-unavailable", "This date is not available", status: 409)
    static let capacityExceeded = Self("capacity-exceeded", "The venue is too small for the guests", status: 409)
    static let currencyMismatch = Self("currency-mismatch", "The event is in another currency", status: 409)
    static let eventState = Self("event-state", "The state of the event does not allow this", status: 409)
    static let serviceState = Self("service-state", "The state of the service does not allow this", status: 409)
    static let vendorState = Self("vendor-state", "The state of the business does not allow this", status: 409)
    static let releaseInProgress = Self("release-in-progress", "The payment of this service is under way", status: 409)
    static let serviceNotCompleted = Self(
        "service-not-completed", "Service must be completed before payment release", status: 409)
    static let eventNotPaid = Self("event-not-paid", "The event is not paid", status: 409)
    static let nothingToPay = Self("nothing-to-pay", "Everything that is booked is paid", status: 409)
    static let paymentIncomplete = Self("payment-incomplete", "The payment is not completed", status: 409)
    static let onboardingRequired = Self("onboarding-required", "Provider onboarding required", status: 409)
    static let payoutHeld = Self("payout-held", "Payout is already being processed for this service", status: 409)
    static let payoutsDisabled = Self("payouts-disabled", "Payouts to this business are disabled", status: 409)
    static let transferFailed = Self("transfer-failed", "Payment transfer failed", status: 402)
    static let serviceReleased = Self("service-released", "A service of this event is paid already", status: 409)
    static let venueNotAccepted = Self("venue-not-accepted", "The venue has not accepted the event yet", status: 409)
    static let submissionsFull = Self(
        "submissions-full", "Too many submissions today. Please try again tomorrow.", status: 429)
    static let iterationsExhausted = Self("iterations-exhausted", "Iteration limit reached", status: 403)
    static let modelUnavailable = Self("model-unavailable", "The language model did not answer", status: 502)
}
