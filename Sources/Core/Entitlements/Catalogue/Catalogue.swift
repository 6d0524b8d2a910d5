import Modules
import Yams

/// All plans of an installation: one file, checked as a whole before anything starts.
package struct Catalogue: Sendable {
    /// In the order of the file.
    package let plans: [Plan]
    private let byID: [Plan.ID: Plan]

    package subscript(_ id: Plan.ID) -> Plan? { byID[id] }

    /// - Parameters:
    ///   - yaml: the file's text.
    ///   - meters: those that products count; others are faults.
    ///   - features: those that products offer.
    /// - Throws: ``CatalogueFaults`` naming every fault at once.
    package init(yaml: String, meters: [Meter], features: [Feature]) throws {
        let file: CatalogueFile
        do {
            file = try YAMLDecoder().decode(CatalogueFile.self, from: yaml)
        } catch {
            throw CatalogueFaults(["the file could not be read: \(error)"])
        }
        var faults: [String] = []
        var plans: [Plan] = []
        var ids: Set<String> = []
        for entry in file.plans {
            faults += entry.faults(meters: Set(meters.map(\.name)), features: Set(features.map(\.name)))
            if !ids.insert(entry.id).inserted { faults.append("plan '\(entry.id)' is there twice") }
            if let plan = entry.plan { plans.append(plan) }
        }
        if file.plans.isEmpty { faults.append("there is no plan") }
        guard faults.isEmpty else { throw CatalogueFaults(faults) }
        self.plans = plans
        byID = Dictionary(uniqueKeysWithValues: plans.map { ($0.id, $0) })
    }
}

/// Everything that is wrong with a catalogue.
package struct CatalogueFaults: Error, CustomStringConvertible {
    package let faults: [String]
    init(_ faults: [String]) { self.faults = faults }
    package var description: String { "The plans are not usable:\n" + faults.map { "  - \($0)" }.joined(separator: "\n") }
}

/// The file as it is written.
private struct CatalogueFile: Decodable {
    struct Entry: Decodable {
        var id: String
        var name: String
        var start: String?
        var features: [String]?
        var limits: [String: Int64]?
        var fileMB: Int64
        var storageMB: Int64

        enum CodingKeys: String, CodingKey {
            case id, name, start, features, limits
            case fileMB = "file_mb"
            case storageMB = "storage_mb"
        }
    }

    var plans: [Entry]
}

extension CatalogueFile.Entry {
    /// A mebi of terabytes: beyond it, numbers of bytes would come near the end of 64 bits.
    private static let megabytesMax: Int64 = 1 << 40

    func faults(meters: Set<String>, features known: Set<String>) -> [String] {
        var faults: [String] = []
        if id.isEmpty || !id.utf8.allSatisfy({ ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 || $0 == 45 }) {
            faults.append("plan '\(id)': an id is made of a–z, 0–9, _ and -")
        }
        if let start, Plan.Start(rawValue: start) == nil { faults.append("plan '\(id)': start is 'anyone' or 'administrator', not '\(start)'") }
        for feature in features ?? [] where !known.contains(feature) { faults.append("plan '\(id)': unknown feature '\(feature)'") }
        for (meter, value) in (limits ?? [:]).sorted(by: { $0.key < $1.key }) {
            if !meters.contains(meter) { faults.append("plan '\(id)': unknown meter '\(meter)'") }
            if Limit(value) == nil { faults.append("plan '\(id)': the limit of '\(meter)' is negative (-1 means unlimited)") }
        }
        for (what, value) in [("file_mb", fileMB), ("storage_mb", storageMB)] {
            if Limit(value) == nil { faults.append("plan '\(id)': \(what) is negative (-1 means unlimited)") }
            if value > Self.megabytesMax { faults.append("plan '\(id)': \(what) is more than \(Self.megabytesMax)") }
        }
        return faults
    }

    var plan: Plan? {
        func bytes(_ megabytes: Int64) -> Limit? { megabytes == -1 ? .unlimited : Limit(megabytes).map { .upTo($0.value << 20) } }
        guard let file = bytes(fileMB), let storage = bytes(storageMB) else { return nil }
        return Plan(
            id: Plan.ID(id),
            name: name,
            start: start.flatMap(Plan.Start.init) ?? .administrator,
            features: Set(features ?? []),
            limits: (limits ?? [:]).compactMapValues { Limit($0) },
            fileBytes: file,
            storageBytes: storage
        )
    }
}
