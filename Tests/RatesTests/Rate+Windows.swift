import Base

@testable import Rates

extension Rate {
    static func perSecond(_ limit: Int64, burst: Int64? = nil) -> Rate { constant(limit, .seconds(1), burst) }
    static func perDay(_ limit: Int64, burst: Int64? = nil) -> Rate { constant(limit, .days(1), burst) }
}
