import Modules

/// The filters of a search in the audit trail; all given filters must match.
package struct AuditSearch: Sendable {
    package var action: String?
    package var outcome: AuditEvent.Outcome?
    /// The account that acted, directly or as an impersonator.
    package var actor: String?
    /// The account that was acted upon.
    package var target: String?
    package var limit: Int
    package var offset: Int

    package init(
        action: String? = nil, outcome: AuditEvent.Outcome? = nil, actor: String? = nil, target: String? = nil,
        limit: Int, offset: Int = 0
    ) {
        self.action = action
        self.outcome = outcome
        self.actor = actor
        self.target = target
        self.limit = limit
        self.offset = offset
    }
}
