package import Audit

/// What the verification of a moved installation has found.
package struct MoveVerification: Sendable {
    /// The violated invariants.
    package let faults: [String]
    package let audit: AuditReport
    package var isSound: Bool { faults.isEmpty && audit.isSound }
}
