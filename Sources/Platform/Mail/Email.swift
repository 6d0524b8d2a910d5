import Base

/// A mail before it is rendered: which templates, for whom, and what stands in them.
package struct Email: Sendable, Codable, Hashable {
    /// The name of its templates, such as `verify-email`.
    package let template: String
    /// The address it goes to.
    package let recipient: String
    /// What the templates' names stand for. Secrets may be among them: letters are sealed while they wait.
    package let values: [String: String]

    package init(_ template: String, to recipient: String, values: [String: String] = [:]) {
        self.template = template
        self.recipient = recipient
        self.values = values
    }
}

extension Email {
    /// Every letter that there is, and the values that it has to bring. A value may be empty where there is nothing to say, such as the name of
    /// somebody who gave none.
    package static let known: [String: Set<String>] = [
        "account-closed": ["name", "when", "address"],
        "account-exists": ["name", "link"],
        "change-email": ["name", "code", "link", "expires", "code_expires"],
        "email-change-requested": ["name", "when", "address"],
        "email-changed": ["name", "when"],
        "erased": ["name"],
        "erasure-scheduled": ["name", "when", "link"],
        "export-ready": ["name", "link", "expires"],
        "impersonated": ["name", "administrator", "reason", "when"],
        "invitation": ["inviter", "organisation", "link", "expires"],
        "password-changed": ["name", "when", "address"],
        "reset-password": ["name", "code", "link", "expires", "code_expires"],
        "second-factor-changed": ["name", "change", "when"],
        "session-reused": ["name", "device", "when", "address"],
        "trial-ended": ["name"],
        "trial-warning": ["name", "days", "ends"],
        "usage-alert": ["name", "meter", "percent", "used", "limit", "resets"],
        "verify-email": ["name", "code", "link", "expires", "code_expires"],
    ]

    /// - Throws: ``EmailFault`` for a letter that could never be written, which is a mistake of ours; `validation-failed` for an address that
    ///   would break out of its line.
    func check() throws {
        guard let needed = Self.known[template] else { throw EmailFault.unknownTemplate(template) }
        let missing = needed.subtracting(values.keys)
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

/// A letter that no template can be filled for.
package enum EmailFault: Error, CustomStringConvertible, Equatable {
    case unknownTemplate(String)
    case missingValues(String, [String])

    package var description: String {
        switch self {
        case .unknownTemplate(let name): "there is no letter '\(name)'"
        case .missingValues(let name, let values): "the letter '\(name)' lacks \(values.joined(separator: ", "))"
        }
    }
}
