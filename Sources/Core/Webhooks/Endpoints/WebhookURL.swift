import Foundation
import Modules

/// The address of an endpoint: `https` with a host, without credentials and fragment. Outside of production also
/// `http`.
///
/// Whether the host may be contacted is decided when an event is sent, for the address that is connected to.
struct WebhookURL: Sendable, Hashable {
    let text: String

    static let lengthMax = 2_048

    /// - Parameter allowsHTTP: whether an address without TLS is accepted.
    /// - Throws: `validation-failed`.
    init(_ text: String, allowsHTTP: Bool) throws(Problem) {
        guard text.utf8.count <= Self.lengthMax, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x5C }),
            let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            let host = parts.host, !host.isEmpty, (1...65_535).contains(parts.port ?? 443)
        else { throw Problem.invalid("/url", "must be a URL with a host, such as https://example.org/webhooks") }
        guard scheme == "https" || (scheme == "http" && allowsHTTP) else {
            throw Problem.invalid("/url", "must begin with https://")
        }
        guard parts.user == nil, parts.password == nil, !text.contains("@") else {
            throw Problem.invalid("/url", "must not contain a user name or password")
        }
        guard parts.fragment == nil else { throw Problem.invalid("/url", "must not have a fragment") }
        self.text = text
    }

    init(trusted text: String) { self.text = text }

    /// For e-mails and audit events: paths and queries can hold secrets.
    var host: String { URLComponents(string: text)?.host ?? "" }
}
