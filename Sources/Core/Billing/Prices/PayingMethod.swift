/// How a plan can be paid for.
enum PayingMethod: String, Codable, CaseIterable, Sendable {
    case upi, card, netbanking

    /// The methods for buyers of a country, of those that are configured.
    /// - Parameters:
    ///   - region: an ISO 3166 code; nil for a country that is not known.
    ///   - hasProvider: whether the installation has the payment provider, which takes all methods but UPI.
    static func available(in region: String?, hasProvider: Bool, hasUPI: Bool) -> [PayingMethod] {
        let ofRegion: [PayingMethod] = region == "IN" ? [.upi, .card, .netbanking] : [.card]
        return ofRegion.filter { $0 == .upi ? hasUPI : hasProvider }
    }
}
