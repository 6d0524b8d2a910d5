/// The result of a verification.
package struct AuditReport: Sendable {
    package internal(set) var rows: Int64 = 0
    /// The number of rows from which personal data was erased.
    package internal(set) var erased: Int64 = 0
    package internal(set) var checkpoints: Int64 = 0
    /// The newest valid checkpoint.
    package internal(set) var newest: AuditCheckpoint?
    /// The checkpoint of the file outside of the database, where it agrees.
    package internal(set) var kept: AuditCheckpoint?
    /// The first ``findingsMax`` findings in the order of detection.
    package private(set) var findings: [AuditFinding] = []
    package private(set) var findingCount: Int64 = 0

    /// The maximum number of findings that are kept; later ones are counted only.
    static let findingsMax = 100

    package var isSound: Bool { findingCount == 0 }

    mutating func append(_ finding: AuditFinding) {
        findingCount += 1
        if findings.count < Self.findingsMax { findings.append(finding) }
    }
}
