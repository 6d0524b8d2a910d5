/// How far a workflow is trusted with tools; a level includes the tools of the lower ones.
package enum TrustLevel: String, Hashable, Sendable, Codable, CaseIterable {
    /// Reads within the workflow's own folder, and calculates.
    case restricted
    /// Also writes there, and sends requests and e-mails.
    case standard
    /// Also runs commands and tools of other servers.
    case elevated
    case privileged
}

extension TrustLevel: Comparable {
    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .restricted: 0
        case .standard: 1
        case .elevated: 2
        case .privileged: 3
        }
    }
}
