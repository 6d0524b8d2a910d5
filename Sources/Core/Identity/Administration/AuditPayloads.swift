import Audit
import Modules

/// One row of the audit trail for administrators.
struct AuditLog: Payload {
    var id: ID<AuditEvent>
    /// The row's position in the chain, as `gatehouse audit verify` prints it.
    var place: String
    var action: String
    var status: String
    var actorUserId: String?
    /// The administrator who impersonated the actor.
    var impersonatorUserId: String?
    var targetUserId: String?
    var resourceType: String
    var resourceId: String?
    var organisationId: String?
    var ipAddress: String?
    var requestId: String?
    var details: JSONValue
    /// Whether personal data was erased from the row.
    var isErased: Bool
    var createdAt: Instant

    init(_ record: AuditRecord) {
        id = record.id
        place = record.position.description
        action = record.event.action
        status = record.event.outcome.rawValue
        actorUserId = record.event.actor
        impersonatorUserId = record.event.impersonator
        targetUserId = record.event.target
        resourceType = record.event.subjectKind
        resourceId = record.event.subject
        organisationId = record.event.organisation
        ipAddress = record.event.address
        requestId = record.event.requestID
        details = .object(record.event.details.mapValues { .string($0) })
        isErased = record.isErased
        createdAt = record.at
    }
}

/// One row of the audit trail for the person whom it concerns.
struct Activity: Payload {
    enum Author: String, Codable {
        case you, administrator, system
        /// A client that was not authenticated.
        case anonymous = "stranger"
    }

    var id: ID<AuditEvent>
    var action: String
    var status: String
    var by: String
    var resourceType: String
    var resourceId: String?
    /// Nil for events of administrators, whose addresses are not shown.
    var ipAddress: String?
    var createdAt: Instant

    init(_ record: AuditRecord, of person: ID<Person>) {
        let event = record.event
        let author: Author =
            if event.impersonator != nil { .administrator } else if let actor = event.actor {
                actor == person.text ? .you : .administrator
            } else {
                event.address == nil ? .system : .anonymous
            }
        id = record.id
        action = event.action
        status = event.outcome.rawValue
        by = author.rawValue
        resourceType = event.subjectKind
        resourceId = event.subject
        ipAddress = author == .administrator ? nil : event.address
        createdAt = record.at
    }
}
