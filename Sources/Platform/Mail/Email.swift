import Base

/// An e-mail before it is rendered: its template, its recipient and the values of the template.
package struct Email: Sendable, Codable, Hashable {
    /// The name of its templates, such as `verify-email`.
    package let template: String
    /// The address of the recipient.
    package let recipient: String
    /// The values of the template by name. They may contain secrets: e-mails are encrypted in the outbox.
    package let values: [String: String]

    package init(_ template: String, to recipient: String, values: [String: String] = [:]) {
        self.template = template
        self.recipient = recipient
        self.values = values
    }
}

extension Email {
    /// When the link and the code have expired, after which the e-mail is of no use; nil without one.
    var expiresAt: Instant? { values["expires"].flatMap { Instant($0) } }

    /// The required values of every template. A value may be empty, such as the name of an account without one.
    package static let requiredValues: [String: Set<String>] = [
        "account-closed": ["name", "when", "address"],
        "account-exists": ["name", "link"],
        "administrator-action": ["name", "action", "when", "address"],
        "api-key-created": ["name", "key", "when", "address"],
        "booking-answered": ["name", "business", "answer", "date"],
        "booking-cancelled": ["name", "business", "date"],
        "booking-requested": ["name", "business", "date", "guests", "amount"],
        "change-email": ["name", "code", "link", "expires", "code_expires"],
        "credit-note": ["name", "number", "total", "link"],
        "email-change-requested": ["name", "when", "address"],
        "email-changed": ["name", "when"],
        "erased": ["name"],
        "erasure-postponed": ["name", "reason"],
        "erasure-scheduled": ["name", "when", "link"],
        "export-ready": ["name", "link", "expires"],
        "impersonated": ["name", "administrator", "reason", "when"],
        "invitation": ["inviter", "organisation", "link", "expires"],
        "invoice": ["name", "number", "total", "link"],
        "marketplace-note": ["name", "title", "text"],
        "organisation-access": ["name", "person", "role", "organisation", "when", "address"],
        "password-changed": ["name", "when", "address"],
        "payment-action-required": ["name", "plan", "amount", "grace", "next", "link"],
        "payment-failed": ["name", "plan", "amount", "grace", "next", "link"],
        "plan-paid": ["name", "amount", "description", "through"],
        "plan-payment-returned": ["name", "amount", "description"],
        "plan-warning": ["name", "plan", "ends", "link"],
        "qr-payment-confirmed": ["name", "amount", "description", "reference", "bank_reference"],
        "reset-password": ["name", "code", "link", "expires", "code_expires"],
        "second-factor-changed": ["name", "change", "when"],
        "service-completed": ["name", "business", "date"],
        "service-disputed": ["name", "business", "date"],
        "service-paid": ["name", "business", "date", "amount", "commission"],
        "service-payment-failed": ["name", "business", "date", "amount"],
        "service-payment-returned": ["name", "business", "date", "amount", "reason"],
        "service-payment-reversed": ["name", "business", "date", "amount"],
        "session-reused": ["name", "device", "when", "address"],
        "subscription-ended": ["name", "plan", "link"],
        "subscription-started": ["name", "plan", "amount", "cycle", "through", "link"],
        "trial-ended": ["name"],
        "trial-warning": ["name", "days", "ends"],
        "usage-alert": ["name", "meter", "percent", "used", "limit", "resets"],
        "vendor-decided": ["name", "business", "decision", "note"],
        "verify-email": ["name", "code", "link", "expires", "code_expires"],
        "webhook-disabled": ["name", "host", "reason", "since"],
        "workflow-approval": ["name", "question", "link"],
        "workflow-message": ["name", "title", "message"],
        "workflow-paused": ["name", "step", "reason", "days", "link"],
    ]

    /// - Throws: ``EmailFault`` for an unknown template or a missing value, which is a programming error;
    ///   `validation-failed` for an address that would end its header line.
    func check() throws {
        guard let required = Self.requiredValues[template] else { throw EmailFault.unknownTemplate(template) }
        let missing = required.subtracting(values.keys)
        guard missing.isEmpty else { throw EmailFault.missingValues(template, missing.sorted()) }
        guard
            !recipient.unicodeScalars.contains(where: {
                $0.properties.generalCategory == .control || $0.properties.isWhitespace
            })
        else {
            throw Problem.invalid("/email", "must not contain white space or control characters")
        }
    }
}

/// An e-mail that cannot be rendered.
package enum EmailFault: Error, CustomStringConvertible, Equatable {
    case unknownTemplate(String)
    case missingValues(String, [String])

    package var description: String {
        switch self {
        case .unknownTemplate(let name): "there is no e-mail template '\(name)'"
        case .missingValues(let name, let values): "the e-mail '\(name)' lacks \(values.joined(separator: ", "))"
        }
    }
}
