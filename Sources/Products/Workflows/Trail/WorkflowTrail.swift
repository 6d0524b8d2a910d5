import Audit
import Identity
import Modules
import Realtime

/// Writes what happens to workflows to the audit trail and to their topics.
final class WorkflowTrail: Sendable {
    private let audit: AuditService
    private let topics: TopicService

    /// The name of the family of topics; the subject is the id of a workflow.
    static let family = "workflows"

    init(audit: AuditService, topics: TopicService) {
        self.audit = audit
        self.topics = topics
    }

    static let topicFamily = TopicFamily(
        family, retention: TopicRetention(count: 10_000, age: .days(7)), keyScope: .workflows
    ) { name, scope, transaction in
        try transaction.mayRead(ID(trusted: name.subject), in: scope)
    }

    static func topic(of workflow: ID<Workflow>, in organisation: ID<Organisation>) -> Topic {
        Topic(TopicName(family: family, workflow), of: organisation)
    }

    /// Writes the entries of a transaction, as its last statements: topics stay locked until it ends.
    func write(_ entries: [TrailEntry], in transaction: Transaction) throws {
        var messages: [Topic: [NewMessage]] = [:]
        for entry in entries {
            if entry.event.isAudited { try audit.record(AuditEvent(entry), in: transaction) }
            let topic = Self.topic(of: entry.workflow.id, in: entry.workflow.organisation)
            messages[topic, default: []].append(
                try NewMessage(entry.event.rawValue, WorkflowMessage(entry, at: transaction.now)))
        }
        try topics.append(messages.map { ($0.key, $0.value) }, in: transaction)
    }

    /// A workflow is deleted in this transaction.
    func remove(of workflow: ID<Workflow>, in organisation: ID<Organisation>, _ transaction: Transaction) throws {
        try topics.remove(Self.topic(of: workflow, in: organisation), in: transaction)
    }
}

extension AuditEvent {
    static let workflowSubject = "workflow"

    fileprivate init(_ entry: TrailEntry) {
        var details = entry.facts
        details["decision"] = entry.decision
        details["reasoning"] = entry.reasoning
        details["step"] = entry.node
        details["agent"] = entry.agent?.text
        details["confidence"] = entry.confidence.map { WorkflowNumbers.confidence($0).description }
        let workflow = entry.workflow
        let outcome: Outcome = entry.event.isFailure ? .failure : .success
        if let actor = entry.actor {
            self.init(
                entry.event.rawValue, outcome: outcome, by: actor, in: workflow.organisation,
                subjectKind: Self.workflowSubject, subject: workflow.id.text, details: details)
        } else {
            self.init(
                entry.event.rawValue, outcome: outcome, organisation: workflow.organisation.text,
                subjectKind: Self.workflowSubject, subject: workflow.id.text, details: details)
        }
    }
}
