import Base
import Foundation
import Mustache

/// The rendered content of an e-mail.
struct RenderedEmail: Sendable, Equatable {
    let subject: String
    let text: String
    let html: String
}

/// The compiled templates of all e-mails: `name.txt.mustache` and `name.html.mustache` in the folder `Templates`, which
/// the build embeds. The first line of a text is the subject. HTML is escaped; its layout is `frame.html.mustache`.
package struct EmailTemplates: Sendable {
    /// The maximum length of a value in characters. Links are not shortened.
    static let valueLengthMax = 200
    /// The value that is a text of several lines, and its maximum length in characters.
    static let messageName = "message"
    package static let messageLengthMax = 100_000

    package init() {}

    /// Compiled once a process, at the first e-mail, because the templates are constants.
    private static let compiled = Result {
        var library = MustacheLibrary()
        try library.register(source(PackageResources.frame_html_mustache), named: "frame")
        for template in sources {
            try library.register("{{% CONTENT_TYPE:TEXT}}" + source(template.text), named: "\(template.name).txt")
            try library.register(source(template.html), named: "\(template.name).html")
        }
        return library
    }

    /// - Throws: ``EmailFault`` for an unknown template or a missing value.
    func render(_ email: Email, sender: Sender) throws -> RenderedEmail {
        let library = try Self.compiled.get()
        let values = TemplateValues(email.values.merging(["sender": sender.name]) { $1 })
        guard let message = library.render(values, withTemplate: "\(email.template).txt"),
            let html = library.render(values, withTemplate: "\(email.template).html")
        else { throw EmailFault.unknownTemplate(email.template) }
        guard values.missing.isEmpty else { throw EmailFault.missingValues(email.template, values.missing.sorted()) }
        let parts = message.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].hasPrefix(Self.subjectMark) else {
            throw EmailFault.unknownTemplate(email.template)
        }
        let text = parts[1].drop { $0 == "\n" }
        return RenderedEmail(
            subject: String(parts[0].dropFirst(Self.subjectMark.count)), text: String(text), html: html)
    }

    private static let subjectMark = "Subject: "

    private static func source(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static let sources: [(name: String, text: [UInt8], html: [UInt8])] = [
        ("account-closed", PackageResources.account_closed_txt_mustache, PackageResources.account_closed_html_mustache),
        ("account-exists", PackageResources.account_exists_txt_mustache, PackageResources.account_exists_html_mustache),
        (
            "administrator-action", PackageResources.administrator_action_txt_mustache,
            PackageResources.administrator_action_html_mustache
        ),
        (
            "api-key-created", PackageResources.api_key_created_txt_mustache,
            PackageResources.api_key_created_html_mustache
        ),
        (
            "booking-answered", PackageResources.booking_answered_txt_mustache,
            PackageResources.booking_answered_html_mustache
        ),
        (
            "booking-cancelled", PackageResources.booking_cancelled_txt_mustache,
            PackageResources.booking_cancelled_html_mustache
        ),
        (
            "booking-requested", PackageResources.booking_requested_txt_mustache,
            PackageResources.booking_requested_html_mustache
        ),
        ("change-email", PackageResources.change_email_txt_mustache, PackageResources.change_email_html_mustache),
        ("credit-note", PackageResources.credit_note_txt_mustache, PackageResources.credit_note_html_mustache),
        (
            "email-change-requested", PackageResources.email_change_requested_txt_mustache,
            PackageResources.email_change_requested_html_mustache
        ),
        ("email-changed", PackageResources.email_changed_txt_mustache, PackageResources.email_changed_html_mustache),
        ("erased", PackageResources.erased_txt_mustache, PackageResources.erased_html_mustache),
        (
            "erasure-postponed", PackageResources.erasure_postponed_txt_mustache,
            PackageResources.erasure_postponed_html_mustache
        ),
        (
            "erasure-scheduled", PackageResources.erasure_scheduled_txt_mustache,
            PackageResources.erasure_scheduled_html_mustache
        ),
        ("export-ready", PackageResources.export_ready_txt_mustache, PackageResources.export_ready_html_mustache),
        ("impersonated", PackageResources.impersonated_txt_mustache, PackageResources.impersonated_html_mustache),
        ("invitation", PackageResources.invitation_txt_mustache, PackageResources.invitation_html_mustache),
        ("invoice", PackageResources.invoice_txt_mustache, PackageResources.invoice_html_mustache),
        (
            "marketplace-note", PackageResources.marketplace_note_txt_mustache,
            PackageResources.marketplace_note_html_mustache
        ),
        (
            "organisation-access", PackageResources.organisation_access_txt_mustache,
            PackageResources.organisation_access_html_mustache
        ),
        (
            "password-changed", PackageResources.password_changed_txt_mustache,
            PackageResources.password_changed_html_mustache
        ),
        (
            "payment-action-required", PackageResources.payment_action_required_txt_mustache,
            PackageResources.payment_action_required_html_mustache
        ),
        ("payment-failed", PackageResources.payment_failed_txt_mustache, PackageResources.payment_failed_html_mustache),
        ("plan-paid", PackageResources.plan_paid_txt_mustache, PackageResources.plan_paid_html_mustache),
        (
            "plan-payment-returned", PackageResources.plan_payment_returned_txt_mustache,
            PackageResources.plan_payment_returned_html_mustache
        ),
        ("plan-warning", PackageResources.plan_warning_txt_mustache, PackageResources.plan_warning_html_mustache),
        (
            "qr-payment-confirmed", PackageResources.qr_payment_confirmed_txt_mustache,
            PackageResources.qr_payment_confirmed_html_mustache
        ),
        ("reset-password", PackageResources.reset_password_txt_mustache, PackageResources.reset_password_html_mustache),
        (
            "second-factor-changed", PackageResources.second_factor_changed_txt_mustache,
            PackageResources.second_factor_changed_html_mustache
        ),
        (
            "service-completed", PackageResources.service_completed_txt_mustache,
            PackageResources.service_completed_html_mustache
        ),
        (
            "service-disputed", PackageResources.service_disputed_txt_mustache,
            PackageResources.service_disputed_html_mustache
        ),
        ("service-paid", PackageResources.service_paid_txt_mustache, PackageResources.service_paid_html_mustache),
        (
            "service-payment-failed", PackageResources.service_payment_failed_txt_mustache,
            PackageResources.service_payment_failed_html_mustache
        ),
        (
            "service-payment-returned", PackageResources.service_payment_returned_txt_mustache,
            PackageResources.service_payment_returned_html_mustache
        ),
        (
            "service-payment-reversed", PackageResources.service_payment_reversed_txt_mustache,
            PackageResources.service_payment_reversed_html_mustache
        ),
        ("session-reused", PackageResources.session_reused_txt_mustache, PackageResources.session_reused_html_mustache),
        (
            "subscription-ended", PackageResources.subscription_ended_txt_mustache,
            PackageResources.subscription_ended_html_mustache
        ),
        (
            "subscription-started", PackageResources.subscription_started_txt_mustache,
            PackageResources.subscription_started_html_mustache
        ),
        ("trial-ended", PackageResources.trial_ended_txt_mustache, PackageResources.trial_ended_html_mustache),
        ("trial-warning", PackageResources.trial_warning_txt_mustache, PackageResources.trial_warning_html_mustache),
        ("usage-alert", PackageResources.usage_alert_txt_mustache, PackageResources.usage_alert_html_mustache),
        ("vendor-decided", PackageResources.vendor_decided_txt_mustache, PackageResources.vendor_decided_html_mustache),
        ("verify-email", PackageResources.verify_email_txt_mustache, PackageResources.verify_email_html_mustache),
        (
            "webhook-disabled", PackageResources.webhook_disabled_txt_mustache,
            PackageResources.webhook_disabled_html_mustache
        ),
        (
            "workflow-approval", PackageResources.workflow_approval_txt_mustache,
            PackageResources.workflow_approval_html_mustache
        ),
        (
            "workflow-message", PackageResources.workflow_message_txt_mustache,
            PackageResources.workflow_message_html_mustache
        ),
        (
            "workflow-paused", PackageResources.workflow_paused_txt_mustache,
            PackageResources.workflow_paused_html_mustache
        ),
    ]
}

/// The values of an e-mail as templates render them: on one line, of a bounded length, with times in words; one may
/// have several lines. It collects the names that a template uses and the e-mail lacks.
private final class TemplateValues: MustacheParent {
    private let values: [String: String]
    private(set) var missing: Set<String> = []

    init(_ values: [String: String]) {
        self.values = Dictionary(
            uniqueKeysWithValues: values.map { name, value in
                let hasLines = name == EmailTemplates.messageName
                return (name, hasLines ? Self.lines(value) : Self.shown(value, isLink: name == "link"))
            })
    }

    /// An empty value is rendered as absent, so that a section omits it.
    func child(named name: String) -> Any? {
        guard let value = values[name] else {
            missing.insert(name)
            return nil
        }
        return value.isEmpty ? nil : value
    }

    /// A text of several lines, without other characters that could make it look like other content.
    private static func lines(_ value: String) -> String {
        value.replacing("\r\n", with: "\n").prefix(EmailTemplates.messageLengthMax)
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in String(String.UnicodeScalarView(line.unicodeScalars.map { isSeparator($0) ? " " : $0 })) }
            .joined(separator: "\n")
    }

    private static func shown(_ value: String, isLink: Bool) -> String {
        if let instant = Instant(value) { return words(instant) }
        let line = String(String.UnicodeScalarView(value.unicodeScalars.map { isSeparator($0) ? " " : $0 }))
        return isLink || line.count <= EmailTemplates.valueLengthMax
            ? line : line.prefix(EmailTemplates.valueLengthMax - 1) + "…"
    }

    /// Whether a character could make a value look like other content of the e-mail: line breaks, control characters
    /// and bidirectional formatting characters.
    private static func isSeparator(_ scalar: UnicodeScalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        }
    }

    private static func words(_ instant: Instant) -> String {
        let day = CivilDate(dayNumber: instant.seconds.quotient(flooredBy: 86_400))
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ]
        let clock = instant.description.dropFirst(11).prefix(5)
        return "\(day.day) \(months[Int(day.month) - 1]) \(day.year), \(clock) UTC"
    }
}
