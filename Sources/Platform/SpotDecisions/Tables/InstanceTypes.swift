import Base

/// Sizes, prices on demand and advisor rates of instance types, from the embedded file `Data/instance-types.csv`.
package struct InstanceTypes: Sendable {
    private let types: [String: InstanceType]

    /// The regions of the file.
    package static let regions = ["ap-south-1", "us-east-1"]

    /// The embedded table. It is read once.
    package static let embedded: InstanceTypes = {
        do {
            return try InstanceTypes(PackageResources.instance_types_csv)
        } catch { preconditionFailure("The embedded table of instance types cannot be read: \(error)") }
    }()

    /// Reads a file of the form of the embedded one.
    /// - Throws: ``TableFault`` with the number of the line.
    package init(_ bytes: [UInt8]) throws(TableFault) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TableFault("it is not UTF-8", line: nil)
        }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: true).makeIterator()
        guard lines.next().map(String.init) == Self.header else {
            throw TableFault("the header is another one", line: 1)
        }
        var (types, number) = ([String: InstanceType](), 1)
        while let line = lines.next() {
            number += 1
            guard let type = InstanceType(line) else { throw TableFault("a field is missing or invalid", line: number) }
            guard types.updateValue(type, forKey: type.name) == nil else {
                throw TableFault("\(type.name) is there twice", line: number)
            }
        }
        self.types = types
    }

    package subscript(_ name: String) -> InstanceType? { types[name] }

    /// All types, by name.
    package var all: [InstanceType] { types.values.sorted { $0.name < $1.name } }

    private static let header =
        "instance_type,vcpus,memory_gib,arch,"
        + regions.map { "\($0) usd,\($0) advisor" }.joined(separator: ",")
}

/// An instance type with the facts that AWS publishes.
package struct InstanceType: Sendable, Hashable {
    package let name: String
    package let hardware: Hardware
    /// Millionths of a US dollar an hour, by region.
    package let onDemandPrices: [String: Int64]
    /// The code of the Spot Instance Advisor, by region.
    package let advisorCodes: [String: Int]

    /// The shares of instances that are interrupted in a month, by the advisor's code.
    package static let interruptRates = [0.025, 0.075, 0.125, 0.175, 0.225, 0.25]

    /// The advisor's rate, 0 to 1; nil where it has none for the region.
    package func interruptRate(in region: some StringProtocol) -> Double? {
        advisorCodes[String(region)].map { Self.interruptRates[$0] }
    }

    /// The price on demand of a region, and of another one where the table has none for it.
    /// - Returns: millionths of a US dollar an hour, with the region of the price; nil for a type without a price.
    package func onDemandPrice(near region: some StringProtocol) -> (price: Int64, region: String)? {
        for region in [String(region), "us-east-1", "ap-south-1"] {
            if let price = onDemandPrices[region] { return (price, region) }
        }
        return nil
    }

    init?(_ line: Substring) {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 4 + 2 * InstanceTypes.regions.count, fields[0].contains("."), let vcpus = Int(fields[1]),
            let memory = Double(fields[2]), (0..<1e6).contains(memory),
            let architecture = Architecture(rawValue: String(fields[3])),
            let hardware = Hardware(vcpus: vcpus, memoryMiB: Int(memory * 1024), architecture: architecture)
        else { return nil }
        name = String(fields[0])
        self.hardware = hardware
        var (prices, codes) = ([String: Int64](), [String: Int]())
        for (index, region) in InstanceTypes.regions.enumerated() {
            let (price, code) = (fields[4 + 2 * index], fields[5 + 2 * index])
            if !price.isEmpty {
                guard let amount = Dollars.microdollars(price), amount > 0 else { return nil }
                prices[region] = amount
            }
            if !code.isEmpty {
                guard let value = Int(code), Self.interruptRates.indices.contains(value) else { return nil }
                codes[region] = value
            }
        }
        (onDemandPrices, advisorCodes) = (prices, codes)
    }
}

/// Why a table cannot be read.
package struct TableFault: Error, Sendable, Hashable, CustomStringConvertible {
    package let reason: String
    /// From 1; nil for the whole file.
    package let line: Int?

    init(_ reason: String, line: Int?) {
        self.reason = reason
        self.line = line
    }

    package var description: String { line.map { "Line \($0): \(reason)." } ?? "The file cannot be read: \(reason)." }
}
