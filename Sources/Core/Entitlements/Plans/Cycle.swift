import Modules

/// How often a subscription is paid. Quotas are counted per month in either case.
package enum Cycle: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case monthly, yearly

    package var months: Int64 {
        switch self {
        case .monthly: 1
        case .yearly: 12
        }
    }
}
