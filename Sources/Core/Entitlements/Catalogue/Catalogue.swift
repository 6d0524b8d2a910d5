import Modules
import Yams

/// All plans of an installation: one file, checked as a whole before anything starts.
package struct Catalogue: Sendable {
    package struct Entry: Sendable, Hashable {
        package let id: Plan.ID
        package let document: PlanDocument
        var plan: Plan { document.plan(id) }
    }

    /// In the order of the file, from the least to the most.
    package let entries: [Entry]
    /// Entries as plans.
    package let plans: [Plan]
    /// What the file adds to the products' own: meters and features of products that live elsewhere.
    package let meters: [Meter]
    package let features: [Feature]
    private let ranks: [Plan.ID: Int]

    package subscript(_ id: Plan.ID) -> Plan? { ranks[id].map { plans[$0] } }

    /// Where a plan stands in the order of the file; a larger number is more.
    func rank(of id: Plan.ID) -> Int? { ranks[id] }

    package init(_ entries: [Entry], meters: [Meter] = [], features: [Feature] = []) {
        self.entries = entries
        self.meters = meters
        self.features = features
        plans = entries.map(\.plan)
        ranks = Dictionary(entries.enumerated().map { ($1.id, $0) }) { first, _ in first }
    }

    /// - Parameters:
    ///   - yaml: the file's text.
    ///   - offers: the names of what products count and offer.
    /// - Throws: ``CatalogueFaults`` naming every fault at once.
    package init(yaml: String, offers: Offers) throws {
        let root: JSONValue
        do {
            root = try YAMLDecoder().decode(JSONValue.self, from: yaml)
        } catch let error as YamlError {
            throw CatalogueFaults(["the file is not YAML: \(error)"])
        } catch {
            throw CatalogueFaults(["the file holds nothing"])
        }
        guard case .object(let members) = root, let list = members["plans"]?.array, !list.isEmpty else {
            throw CatalogueFaults(["the file is a list of one or more plans under the name 'plans'"])
        }
        var faults = members.keys.sorted().filter { !["plans", "meters", "features"].contains($0) }.map {
            "'\($0)': is no part of the file"
        }
        let meters = Self.titles(of: "meters", in: members, &faults).map { Meter($0, title: $1) }
        let features = Self.titles(of: "features", in: members, &faults).map { Feature($0, title: $1) }
        let offers = offers.adding(meters: meters, features: features)
        var entries: [Entry] = []
        var ids: Set<String> = []
        for (index, item) in list.enumerated() {
            guard case .object(var fields) = item, let id = fields.removeValue(forKey: "id")?.string, Self.isID(id)
            else {
                faults.append("plan \(index + 1): an id is made of a–z, 0–9, _ and -, and has at most 64 of them")
                continue
            }
            if !ids.insert(id).inserted { faults.append("plan '\(id)': is there twice") }
            do throws(Problem) {
                let document = try Self.document(.object(fields), offers)
                entries.append(Entry(id: Plan.ID(id), document: document))
            } catch {
                faults += Self.lines(of: error).map { "plan '\(id)': \($0)" }
            }
        }
        guard faults.isEmpty else { throw CatalogueFaults(faults) }
        self.init(entries, meters: meters, features: features)
    }

    /// Names with their titles, as the file adds them.
    private static func titles(of section: String, in members: [String: JSONValue], _ faults: inout [String]) -> [(
        String, String
    )] {
        guard let value = members[section] else { return [] }
        guard case .object(let titles) = value else {
            faults.append("'\(section)': gives each name its title, as in { workflows: Workflow }")
            return []
        }
        return titles.sorted { $0.key < $1.key }.compactMap { name, title in
            if let title = title.string, isID(name), !title.isEmpty { return (name, title) }
            faults.append("\(section) '\(name)': a name is made of a–z, 0–9, _ and -, and its title is text")
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

    /// - Throws: `validation-failed` with every fault.
    static func document(_ value: JSONValue, _ offers: Offers) throws(Problem) -> PlanDocument {
        let document = try PayloadDecoder(for: PlanDocument.self).decode(PlanDocument.self, from: value)
        let faults = document.faults(offers)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return document
    }
}

/// Everything that is wrong with a catalogue.
package struct CatalogueFaults: Error, CustomStringConvertible {
    package let faults: [String]
    init(_ faults: [String]) { self.faults = faults }
    package var description: String {
        "The plans are not usable:\n" + faults.map { "  - \($0)" }.joined(separator: "\n")
    }
}
