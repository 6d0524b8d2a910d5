import Modules
import Yams

/// A set of plans in a fixed order, parsed from a YAML file or assembled from stored versions.
package struct PlanSet: Sendable {
    package struct Entry: Sendable, Hashable {
        package let id: Plan.ID
        package let document: PlanDocument
        var plan: Plan { document.plan(id) }
    }

    /// In the order of the file, from the smallest to the largest.
    package let entries: [Entry]
    /// The entries as plans.
    package let plans: [Plan]
    /// Meters that the file adds to those of the products in this program.
    package let meters: [Meter]
    /// Features that the file adds to those of the products in this program.
    package let features: [Feature]
    /// What holds without a plan, and where a plan lists nothing.
    package let allowance: DefaultAllowance
    /// The taxes on what is sold, by ISO 3166 code of the buyer's country; those of all other countries have the key
    /// "".
    package let taxes: [String: [TaxRate]]
    private let ranks: [Plan.ID: Int]

    package subscript(_ id: Plan.ID) -> Plan? { ranks[id].map { plans[$0] } }

    /// The position of a plan in the order of the file; a larger plan has a larger rank.
    package func rank(of id: Plan.ID) -> Int? { ranks[id] }

    /// Whether a plan comes before another one in the file; false where one of them is not there any more.
    func isSmaller(_ id: Plan.ID, than other: Plan.ID) -> Bool {
        guard let rank = ranks[id], let otherRank = ranks[other] else { return false }
        return rank < otherRank
    }

    package init(
        _ entries: [Entry], meters: [Meter] = [], features: [Feature] = [],
        allowance: DefaultAllowance = DefaultAllowance(), taxes: [String: [TaxRate]] = [:]
    ) {
        self.entries = entries
        self.meters = meters
        self.features = features
        self.allowance = allowance
        self.taxes = taxes
        plans = entries.map(\.plan)
        ranks = Dictionary(entries.enumerated().map { ($1.id, $0) }) { first, _ in first }
    }

    /// - Parameters:
    ///   - yaml: the text of the file.
    ///   - offers: the names of meters, features and rate classes that plans may use.
    /// - Throws: ``PlanSetFaults`` with all faults.
    package init(yaml: String, offers: Offers) throws {
        let root: JSONValue
        do {
            root = try YAMLDecoder().decode(JSONValue.self, from: yaml)
        } catch let error as YamlError {
            throw PlanSetFaults(["the file is not YAML: \(error)"])
        } catch {
            throw PlanSetFaults(["the file is empty"])
        }
        try self.init(root, offers)
    }

    /// The plans that are built in.
    package init(builtInFor offers: Offers) throws { try self.init(Self.builtInRoot, offers) }

    /// - Parameter root: the content of a file.
    private init(_ root: JSONValue, _ offers: Offers) throws {
        guard case .object(let members) = root, let list = members["plans"]?.array, !list.isEmpty else {
            throw PlanSetFaults(["the file is a list of one or more plans under the name 'plans'"])
        }
        var faults = members.keys.sorted().filter { !Self.members.contains($0) }.map {
            "'\($0)': is not a member of the file"
        }
        let meters = Self.titles(of: "meters", in: members, &faults).map { Meter($0, title: $1) }
        let features = Self.titles(of: "features", in: members, &faults).map { Feature($0, title: $1) }
        let offers = offers.adding(meters: meters, features: features)
        var entries: [Entry] = []
        var ids: Set<String> = []
        for (index, item) in list.enumerated() {
            guard case .object(var fields) = item, let id = fields.removeValue(forKey: "id")?.string, Self.isID(id)
            else {
                faults.append("plan \(index + 1): an id consists of 1 to 64 characters of a–z, 0–9, _ and -")
                continue
            }
            if !ids.insert(id).inserted { faults.append("plan '\(id)': is defined twice") }
            do throws(Problem) {
                let document = try Self.document(.object(fields), offers)
                entries.append(Entry(id: Plan.ID(id), document: document))
            } catch {
                faults += Self.lines(of: error).map { "plan '\(id)': \($0)" }
            }
        }
        let allowance = Self.allowance(in: members, offers, &faults)
        let taxes = Self.taxes(in: members, &faults)
        guard faults.isEmpty else { throw PlanSetFaults(faults) }
        self.init(entries, meters: meters, features: features, allowance: allowance, taxes: taxes)
    }

    /// Decoded once a process: it takes longer than the rest of reading plans.
    private static let builtInRoot: JSONValue = {
        do { return try YAMLDecoder().decode(JSONValue.self, from: builtIn) } catch {
            preconditionFailure("the built-in plans are not valid: \(error)")
        }
    }()

    private static let members: Set = ["plans", "meters", "features", "default", "taxes"]

    /// The entry `default` of the plans that are built in: it holds where a file has none, so that work that needs no
    /// plan is not refused.
    private static let builtInAllowance: DefaultAllowance = {
        do {
            let entry = builtInRoot["default"] ?? .object([:])
            return try PayloadDecoder(for: DefaultAllowanceDocument.self).decode(
                DefaultAllowanceDocument.self, from: entry
            ).allowance
        } catch { preconditionFailure("the built-in plans are not valid: \(error)") }
    }()

    private static func allowance(in members: [String: JSONValue], _ offers: Offers, _ faults: inout [String])
        -> DefaultAllowance
    {
        guard let value = members["default"] else { return builtInAllowance }
        do throws(Problem) {
            let document = try PayloadDecoder(for: DefaultAllowanceDocument.self).decode(
                DefaultAllowanceDocument.self, from: value)
            let found = offers.faults(inLimits: document.limits) + offers.faults(inRates: document.rates)
            guard found.isEmpty else { throw Problem.invalid(found) }
            return document.allowance
        } catch {
            faults += lines(of: error).map { "default: \($0)" }
            return DefaultAllowance()
        }
    }

    private static func taxes(in members: [String: JSONValue], _ faults: inout [String]) -> [String: [TaxRate]] {
        guard let value = members["taxes"] else { return [:] }
        do throws(Problem) {
            let documents = try PayloadDecoder(forListOf: TaxDocument.self, upTo: TaxDocument.countMax).decode(
                [TaxDocument].self, from: value)
            let found = TaxDocument.faults(of: documents)
            guard found.isEmpty else { throw Problem.invalid(found) }
            return Dictionary(grouping: documents) { $0.region ?? "" }.mapValues { $0.compactMap(\.rate) }
        } catch {
            faults += lines(of: error).map { "taxes: \($0)" }
            return [:]
        }
    }

    /// The names of a section, with their titles.
    private static func titles(of section: String, in members: [String: JSONValue], _ faults: inout [String]) -> [(
        String, String
    )] {
        guard let value = members[section] else { return [] }
        guard case .object(let titles) = value else {
            faults.append("'\(section)': maps names to titles, as in { workflows: Workflow }")
            return []
        }
        return titles.sorted { $0.key < $1.key }.compactMap { name, title in
            if let title = title.string, isID(name), !title.isEmpty { return (name, title) }
            faults.append(
                "\(section) '\(name)': a name consists of 1 to 64 characters of a–z, 0–9, _ and -, "
                    + "and its title is text"
            )
            return nil
        }
    }

    private static func lines(of problem: Problem) -> [String] {
        (problem.members["errors"]?.array ?? []).map { fault in
            "\(fault["pointer"]?.string?.dropFirst().replacing("/", with: ".") ?? "") \(fault["detail"]?.string ?? "")"
        }
    }

    static func isID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 || $0 == 45 }
    }

    /// - Throws: `validation-failed` with all faults.
    static func document(_ value: JSONValue, _ offers: Offers) throws(Problem) -> PlanDocument {
        let document = try PayloadDecoder(for: PlanDocument.self).decode(PlanDocument.self, from: value)
        let faults = document.faults(offers)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return document
    }
}

/// All faults of a file of plans.
package struct PlanSetFaults: Error, CustomStringConvertible {
    package let faults: [String]
    init(_ faults: [String]) { self.faults = faults }
    package var description: String {
        "The plans are not valid:\n" + faults.map { "  - \($0)" }.joined(separator: "\n")
    }
}
