/// Work that runs later, at least once: a row that is inserted in the transaction that causes the work.
///
/// The value is the row's payload, stored as JSON: ids of what to work on, never the data itself and never secrets.
package protocol Job: Codable, Sendable {
    /// The kind in rows, logs and metrics, such as `training.run`. Never changed once released.
    static var name: String { get }
    /// Whose slots the kind uses, unless ``JobOptions/lane`` names another; ``JobLane/system`` unless declared.
    static var lane: JobLane { get }
}

extension Job {
    package static var lane: JobLane { .system }
}
