/// Prices, rates and probabilities where AWS is not reachable: rules by size and zone, not observations. A decision
/// from them has the source ``DataSource/builtin``.
package struct BuiltinTables: Sendable {
    private let types: InstanceTypes

    package init(_ types: InstanceTypes = .embedded) { self.types = types }

    /// The prices on demand that the product states, in millionths of a US dollar an hour; other types have that of
    /// their region.
    private static let statedPrices: [String: Int64] = [
        "c5.large": 96_000, "m5.large": 107_000, "r5.large": 142_000, "t3.micro": 12_000,
    ]

    /// - Returns: nil for a type that the tables do not have.
    package func candidate(_ pool: SpotPool) -> Candidate? {
        guard let type = types[pool.instanceType],
            let price = Self.statedPrices[type.name] ?? type.onDemandPrice(near: pool.region)?.price
        else { return nil }
        return Candidate(
            pool, hardware: type.hardware, spotPrice: Self.spotPrice(onDemand: price, zone: pool.availabilityZone),
            onDemandPrice: price, interruptRate: SizeClass(type.name).interruptRate)
    }

    /// The probability of a pool: by its size, and higher where the price is so low that it may only rise.
    package func risk(of candidate: Candidate) -> Double {
        let percent = SizeClass(candidate.pool.instanceType).crashPercent
        return Double(min(100, percent + (candidate.spotPrice < Self.lowPrice ? Self.percentOfLowPrice : 0))) / 100
    }

    /// The probabilities of all candidates, as a ``DecisionInput`` takes them.
    package func risk(of candidates: [Candidate]) -> [SpotPool: Double] {
        Dictionary(candidates.map { ($0.pool, risk(of: $0)) }) { first, _ in first }
    }

    /// Millionths of a US dollar.
    private static let lowPrice: Int64 = 50_000
    private static let percentOfLowPrice = 15

    /// 0.9 times a share of the price on demand that depends on the zone.
    static func spotPrice(onDemand: Int64, zone: String) -> Int64 {
        let percent: Int64 =
            switch zone.last {
            case "a": 35
            case "c": 30
            default: 40
            }
        return onDemand * percent * 9 / 1_000
    }
}

/// The classes of sizes that the built-in tables tell apart.
enum SizeClass: Sendable, Hashable, CaseIterable {
    /// Below 4xlarge.
    case small
    /// 4xlarge and 8xlarge.
    case medium
    /// 12xlarge and 16xlarge.
    case large
    /// 24xlarge and more, and whole machines.
    case whole

    /// - Parameter type: such as `c5.4xlarge` or `m5.metal`. Sizes between two classes count to the lower one.
    init(_ type: String) {
        let size = type.drop { $0 != "." }.dropFirst()
        guard !size.hasPrefix("metal") else {
            self = .whole
            return
        }
        switch Int(size.prefix(while: \.isNumber)) ?? 0 {
        case 24...: self = .whole
        case 12...: self = .large
        case 4...: self = .medium
        default: self = .small
        }
    }

    var interruptRate: Double {
        switch self {
        case .small: 0.05
        case .medium: 0.08
        case .large: 0.12
        case .whole: 0.18
        }
    }

    /// A probability in percent.
    var crashPercent: Int {
        switch self {
        case .small: 30
        case .medium: 45
        case .large: 60
        case .whole: 75
        }
    }
}
