import Modules

/// An entry of the list `taxes` of the file of plans.
struct TaxDocument: Payload {
    /// As invoices show it.
    var name: String
    /// Up to four decimals.
    var percent: DecimalNumber
    /// Whether prices contain the tax; otherwise it is added to them.
    var inclusive: Bool?
    /// An ISO 3166 code; a tax without one applies to all countries that have none of their own.
    var region: String?

    static let rules: [String: Rule] = ["name": .length(1...40), "region": .length(2...2)]
    static let countMax = 1_000

    /// Nil where the percentage is none.
    var rate: TaxRate? {
        percent.units(fractionDigits: 4).flatMap { millionths in
            (1...1_000_000).contains(millionths)
                ? TaxRate(name, millionths: millionths, isInclusive: inclusive ?? false) : nil
        }
    }

    /// Violations of constraints that the schema cannot express.
    static func faults(of documents: [TaxDocument]) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        for (index, document) in documents.enumerated() {
            if document.rate == nil {
                faults.append(
                    Problem.Fault("/\(index)/percent", "is above 0 and at most 100, with up to four decimals"))
            }
            if let region = document.region, !region.utf8.allSatisfy({ (65...90).contains($0) }) {
                faults.append(Problem.Fault("/\(index)/region", "is not a country code of two capitals"))
            }
        }
        for (region, own) in Dictionary(grouping: documents, by: \.region).sorted(by: {
            ($0.key ?? "") < ($1.key ?? "")
        }) {
            let place = region.map { "for \($0)" } ?? "for all other countries"
            if Set(own.map { $0.inclusive ?? false }).count > 1 {
                faults.append(Problem.Fault("", "has inclusive and exclusive taxes \(place)"))
            }
            if Set(own.map(\.name)).count < own.count {
                faults.append(Problem.Fault("", "has the same name twice \(place)"))
            }
        }
        return faults
    }
}
