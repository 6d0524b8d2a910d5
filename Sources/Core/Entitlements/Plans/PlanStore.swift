import Foundation
import Identity
import Modules

/// All SQL about versions of plans. Versions are inserted and never updated.
extension Transaction {
    /// - Returns: nil when the newest version is not `expected`, or a concurrent transaction has inserted the next one.
    @discardableResult
    func insertVersion(
        of id: Plan.ID,
        _ document: PlanDocument,
        from origin: PlanVersion.Origin,
        by person: ID<Person>? = nil,
        expecting expected: Int64? = nil,
        appliesAtOnce: Bool
    ) throws -> PlanVersion? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(decoding: try encoder.encode(document), as: UTF8.self)
        let number: Int64? = try first(
            """
            INSERT INTO plan_versions (plan_id, version, document, origin, applies_at_once, created_at, created_by)
            SELECT \(id), COALESCE(MAX(version), 0) + 1, \(text), \(origin), \(appliesAtOnce ? 1 : 0), \(now), \(person)
            FROM plan_versions WHERE plan_id = \(id)
            HAVING \(expected ?? -1) IN (-1, COALESCE(MAX(version), 0))
            ON CONFLICT DO NOTHING RETURNING version
            """
        ) { try $0["version"] }
        return number.map {
            PlanVersion(
                id: id, number: $0, document: document, plan: document.plan(id), origin: origin,
                appliesAtOnce: appliesAtOnce, createdAt: now,
                createdBy: person
            )
        }
    }

    func latestDocument(of id: Plan.ID, from origin: PlanVersion.Origin) throws -> PlanDocument? {
        try first(
            """
            SELECT document FROM plan_versions WHERE plan_id = \(id) AND origin = \(origin)
            ORDER BY version DESC LIMIT 1
            """
        ) { row in
            try PlanDocument(text: try row["document"])
        }
    }

    func countVersions() throws -> Int64 { try count("SELECT COUNT(*) AS count FROM plan_versions") }

    func planVersions() throws -> [PlanVersion] {
        try all(
            """
            SELECT plan_id, version, document, origin, applies_at_once, created_at, created_by FROM plan_versions
            ORDER BY created_at, plan_id, version
            """
        ) { row in
            let id: Plan.ID = try row["plan_id"]
            let document = try PlanDocument(text: try row["document"])
            return PlanVersion(
                id: id,
                number: try row["version"],
                document: document,
                plan: document.plan(id),
                origin: try row["origin"],
                appliesAtOnce: try row.read("applies_at_once", as: Int64.self) == 1,
                createdAt: try row["created_at"],
                createdBy: try row["created_by"]
            )
        }
    }
}

extension PlanDocument {
    fileprivate init(text: String) throws { self = try JSONDecoder().decode(PlanDocument.self, from: Data(text.utf8)) }
}
