import Identity
import Modules

/// The requirement of reading topics: ``Member``, or a ticket of ``TicketService`` for the topic of the path.
struct RealtimeMember: Requirement {
    let member: Member
    let tickets: TicketService

    /// The parameter of the query that holds a ticket. No log has the query of a request.
    static let ticketName = "ticket"

    var phase: RequestPhase { member.phase }
    var problems: [Problem.Kind] { member.problems }
    var summary: RequirementSummary { member.summary }

    func check(_ request: Request) async throws(Problem) -> Scope {
        guard let ticket = request.query[Self.ticketName], !request.isDryRun else {
            return try await member.check(request)
        }
        guard let topic = request.parameters["topic"],
            let scope = try await tickets.redeem(ticket, for: topic, by: request)
        else {
            throw Problem(
                .authenticationFailed, members: ["details": "the ticket is unknown, used or expired"],
                headers: ["WWW-Authenticate": "Bearer"])
        }
        return scope
    }
}
