import Entitlements
import Identity
import Modules
import Rates

/// The endpoints of payments by UPI.
struct UPIRoutes: Sendable {
    let payments: UPIPaymentService
    let receipts: UPIReceiptService
    let callbacks: UPICallbackService
    let identity: IdentityModule
    let entitlements: EntitlementsModule

    var routes: [Route] {
        [
            .post(
                "payments/qr-code", "Get a QR code that pays for one period of a plan by UPI, valid for 15 minutes",
                requires: identity.organisation(.owner, .admin), identity.verified,
                entitlements.rate("payments", .perMinute(20)),
                problems: [
                    .notConfigured, .planNotFound, .paymentRequired, .amountMismatch, .alreadySubscribed, .notFound,
                ]
            ) { [payments] (request: UPIRequest, scope, _, _) in try await payments.create(request, scope: scope) },
            .get(
                "payments/qr-code/{id}/status", "Get the status of a QR code", requires: identity.member, .path("id")
            ) { [payments] scope, id in try await payments.status(id, scope: scope) },
            .get(
                "payments/qr-code/transactions", "List QR codes, newest first: one's own, or all for administrators",
                requires: identity.member, .query("status", oneOf: UPIPayment.Status.allCases.map(\.rawValue)),
                .query("user_id", upTo: 36), .query("organisation_id", upTo: 36),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0),
                problems: [.insufficientRole]
            ) { [payments] scope, status, person, organisation, limit, offset in
                let ids = try PaymentFilter(organisation: organisation, person: person, purpose: nil, status: nil)
                let filter = UPIPaymentFilter(
                    organisation: ids.organisation, person: ids.person, status: status.flatMap(UPIPayment.Status.init))
                return try await payments.list(filter, scope: scope, limit: limit, offset: offset)
            },
            .post(
                "payments/qr-code/{id}/confirmation", "Enter the bank's reference of money that pays a QR code",
                requires: identity.role(.admin), .path("id"), problems: [.bankReferenceUsed]
            ) { [receipts] (confirmation: UPIConfirmation, scope, id) in
                try await receipts.receive(confirmation, of: id, scope: scope)
            },
            .post(
                "webhooks/upi", "Receive a report of the UPI payment service", requires: .public, UPICallback(),
                problems: [.webhookRefused, .notConfigured, .bankReferenceUsed]
            ) { [callbacks] _, message in try await callbacks.accept(message) },
            .get(
                "admin/upi-receipts", "List money that arrived by UPI, oldest first", requires: identity.role(.admin),
                .query("outcome", oneOf: UPIReceipt.Outcome.allCases.map(\.rawValue)),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [receipts] _, outcome, limit, offset in
                try await receipts.list(outcome.flatMap(UPIReceipt.Outcome.init), limit: limit, offset: offset)
            },
            .post(
                "admin/upi-receipts/{id}/resolution", "Credit money that pays no QR code, or note its return",
                requires: identity.role(.admin), .path("id", of: UPIReceipt.self),
                problems: [.receiptState, .alreadySubscribed, .bankReferenceUsed]
            ) { [receipts] (resolution: UPIResolution, scope, id) in
                try await receipts.resolve(id, resolution, scope: scope)
            },
        ]
    }
}
