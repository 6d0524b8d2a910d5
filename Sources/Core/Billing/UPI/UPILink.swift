/// A request for one UPI payment as a link, which apps open and QR codes contain: `upi://pay?…` (NPCI, UPI Linking
/// Specifications 1.6).
struct UPILink: Sendable, Hashable {
    let query: String

    /// Characters of a note that apps show.
    static let noteMax = 50

    /// - Parameters:
    ///   - rupees: with two decimals, such as `799.00`.
    ///   - reference: letters, digits and `_`, at most 35 of them; the bank reports it with the money.
    init(to settings: UPISettings, rupees: String, note: String, reference: String) {
        let fields = [
            ("pa", settings.address), ("pn", String(settings.merchantName.prefix(UPISettings.nameMax))),
            ("am", rupees), ("cu", "INR"), ("tn", String(note.prefix(Self.noteMax))), ("tr", reference),
        ]
        query = fields.map { "\($0)=\(Self.escaped($1))" }.joined(separator: "&")
    }

    /// What every app opens.
    var text: String { "upi://pay?\(query)" }

    /// What one app alone opens.
    func text(for app: UPIApp) -> String { "\(app.prefix)?\(query)" }

    /// Percent-encoded except for the unreserved characters of RFC 3986; `@` is allowed in a query, and some apps look
    /// for it in an address.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            if unreserved.contains(byte) {
                escaped.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                escaped += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return escaped
    }

    private static let unreserved = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~@".utf8)
}

/// An app that pays by UPI.
enum UPIApp: String, Codable, CaseIterable, Sendable {
    case phonepe
    case googlePay = "google_pay"
    case paytm, bhim

    fileprivate var prefix: String {
        switch self {
        case .phonepe: "phonepe://pay"
        case .googlePay: "tez://upi/pay"
        case .paytm: "paytmmp://pay"
        case .bhim: "bhim://upi/pay"
        }
    }
}
