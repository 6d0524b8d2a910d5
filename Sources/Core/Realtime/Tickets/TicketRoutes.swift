import Identity
import Modules

/// The endpoint of tickets.
struct TicketRoutes: Sendable {
    let tickets: TicketService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "realtime/tickets", "Get a single-use ticket for a topic, for the query of a browser's connection",
                requires: member, problems: [.notFound]
            ) { (request: NewTicket, scope) in
                try await tickets.issue(request, scope: scope)
            }
        ]
    }
}
