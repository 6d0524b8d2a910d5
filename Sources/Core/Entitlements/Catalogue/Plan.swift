package import Modules

/// What a customer buys: features, limits per period, and sizes.
package struct Plan: Sendable, Hashable {
    package struct ID: Sendable, Hashable, SQLBindable, SQLReadable {
        package let text: String
        package init(_ text: String) { self.text = text }
        package var sqlValue: SQL.Value { .text(text) }
        package init?(sqlValue: SQL.Value) {
            guard let text = String(sqlValue: sqlValue) else { return nil }
            self.init(text)
        }
    }

    /// Who may start it.
    package enum Start: String, Sendable, Codable {
        /// Anybody who is signed in, without payment.
        case anyone
        /// An administrator.
        case administrator
    }

    package let id: ID
    /// As customers know it.
    package let name: String
    package let start: Start
    package let features: Set<String>
    /// Units per period, by meter.
    package let limits: [String: Limit]
    /// The largest single file, in bytes.
    package let fileBytes: Limit
    /// All files together, in bytes.
    package let storageBytes: Limit

    /// What the plan does not mention, it does not include.
    package func limit(of meter: Meter) -> Limit { limits[meter.name] ?? .upTo(0) }
    package func includes(_ feature: Feature) -> Bool { features.contains(feature.name) }
}

/// Something that is counted per period. Products name theirs: `extension Meter { static let uploads = … }`.
package struct Meter: Sendable, Hashable {
    /// As it stands in the catalogue and in answers, such as `training_runs`.
    package let name: String
    /// As it begins a sentence: "Training limit reached".
    package let title: String

    package init(_ name: String, title: String) {
        self.name = name
        self.title = title
    }
}

/// Something that a plan has or has not. Products name theirs.
package struct Feature: Sendable, Hashable {
    package let name: String
    package let title: String

    package init(_ name: String, title: String) {
        self.name = name
        self.title = title
    }
}
