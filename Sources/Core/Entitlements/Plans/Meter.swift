/// A unit that is counted per period. Products declare theirs: `extension Meter { static let uploads = … }`.
package struct Meter: Sendable, Hashable {
    /// As in plans and responses, such as `training_runs`.
    package let name: String
    /// As in "Training limit reached".
    package let title: String

    package init(_ name: String, title: String) {
        self.name = name
        self.title = title
    }
}
