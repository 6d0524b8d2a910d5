package import Base

/// Why prices cannot be used.
package enum PriceFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// The first line has other columns.
    case notPriceList
    case tooLarge
    /// - Parameter line: from 1.
    case invalidRow(line: Int, reason: String)
    /// A pool has two prices at one time.
    case duplicate(SpotPool, Instant)
    case future(SpotPool, Instant)
    /// A pool has no price for longer than AWS leaves one unrepeated.
    case gap(SpotPool, from: Instant, to: Instant)
    case empty

    package var description: String {
        switch self {
        case .notPriceList: "This is no list of prices: its first line is not \(PriceHistory.header)."
        case .tooLarge: "The list has more than \(PriceHistory.pointsMax) prices or \(PriceHistory.bytesMax) bytes."
        case .invalidRow(let line, let reason): "Line \(line): \(reason)."
        case .duplicate(let pool, let time): "\(pool) has two prices at \(time)."
        case .future(let pool, let time): "\(pool) has a price of \(time), which is in the future."
        case .gap(let pool, let start, let end):
            "\(pool) has no price between \(start) and \(end). AWS repeats a price once a day: data are missing."
        case .empty: "There are no prices."
        }
    }
}
