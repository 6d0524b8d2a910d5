/// Several rates that apply at once: a request is allowed by all of them or is counted by none.
package struct Rates: Sendable, Hashable {
    /// One to four, the shortest window first.
    package let all: [Rate]
    /// The largest number of rates that apply at once.
    package static let countMax = 4

    /// - Returns: nil for no rate, for more than ``countMax``, and for two with the same window.
    package init?(_ rates: [Rate]) {
        guard (1...Self.countMax).contains(rates.count), Set(rates.map(\.window)).count == rates.count else {
            return nil
        }
        all = rates.sorted { $0.window < $1.window }
    }

    /// Rates that are constants of the program.
    package init(_ rates: Rate...) {
        guard let checked = Rates(rates) else {
            preconditionFailure("one to \(Self.countMax) rates with different windows apply at once")
        }
        self = checked
    }

    private init(unchecked rates: [Rate]) { all = rates }

    /// What one of `count` nodes allows to a request of this cost while the nodes share no state.
    package func share(of count: Int64, for cost: Int64 = 1) -> Rates {
        Rates(unchecked: all.map { $0.share(of: count, for: cost) })
    }

    /// The longest restoration time of these rates, in microseconds.
    var restoration: Int64 { all.reduce(0) { max($0, $1.restoration) } }
}
